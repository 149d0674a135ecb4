package apilogreceiver

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// writeClient writes who sent the request. The connection is the gateway's, so the caller's address is always
// somebody's word: it counts only where the gateway is one of the source's trusted proxies. A unix socket has no
// address; only who may open its file is at its other end.
func (w *recordWriter) writeClient(proxies []netip.Prefix) {
	if peer, ok := addressOf(w.remote); ok && !within(proxies, peer) {
		w.text(event.KeyPeerAddress, peer.String())
		return
	}
	var client, peer netip.Addr
	if w.by.client != "" {
		given, err := netip.ParseAddr(w.single(w.by.client))
		if err != nil {
			return
		}
		client = plainAddress(given)
	}
	if !client.IsValid() || within(proxies, client) {
		if last, ok := forwarded(w.header["X-Forwarded-For"], proxies); ok {
			client, peer = last, client
		}
	}
	if !client.IsValid() {
		return
	}
	w.text(event.KeyClientAddress, client.String())
	if peer.IsValid() && peer != client {
		w.text(event.KeyPeerAddress, peer.String())
		return
	}
	w.number(event.KeyClientPort, w.single(w.by.clientPort), 1<<16-1)
}

// forwarded walks X-Forwarded-For from the right, past our own proxies. What stands left of the first stranger, or of
// the first text that is no address, is the caller's own word.
func forwarded(list []string, proxies []netip.Prefix) (last netip.Addr, ok bool) {
	hops := strings.Split(strings.Join(list, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, valid := addressOf(strings.TrimSpace(hops[i]))
		if !valid {
			return last, ok
		}
		last, ok = addr, true
		if !within(proxies, last) {
			return last, true
		}
	}
	return last, ok
}

// addressOf reads an address with or without a port.
func addressOf(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plainAddress(ap.Addr()), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return plainAddress(a), err == nil
}

func plainAddress(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func within(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// traceparent takes the ids of the W3C header 00-<trace>-<span>-<flags>.
func traceparent(r *event.Record, v string) {
	part := strings.Split(v, "-")
	if len(part) < 4 || len(part[1]) != 32 || len(part[2]) != 16 {
		return
	}
	trace, err := hex.DecodeString(part[1])
	if err != nil || [16]byte(trace) == [16]byte{} {
		return
	}
	r.TraceID = [16]byte(trace)
	if span, err := hex.DecodeString(part[2]); err == nil {
		r.SpanID = [8]byte(span)
	}
}
