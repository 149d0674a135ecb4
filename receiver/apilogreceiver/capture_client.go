package apilogreceiver

import (
	"net/netip"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway"
)

// writeClient writes who sent the request. The connection is the gateway's, so the caller's address is always
// somebody's word: it counts only where the gateway is one of the source's trusted proxies. A unix socket has no
// address; only who may open its file is at its other end.
func (w *recordWriter) writeClient(proxies gateway.Proxies) {
	if peer, ok := gateway.Address(w.remote); ok && !proxies.Contain(peer) {
		w.text(event.KeyPeerAddress, peer.String())
		return
	}
	var client, peer netip.Addr
	if w.by.client != "" {
		var ok bool
		if client, ok = gateway.Address(w.single(w.by.client)); !ok {
			return
		}
	}
	if !client.IsValid() || proxies.Contain(client) {
		if last, ok := proxies.Forwarded(w.header["X-Forwarded-For"]); ok {
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

// traceparent takes the ids of the W3C header.
func traceparent(r *event.Record, v string) {
	if trace, span, ok := gateway.Traceparent(v); ok {
		r.TraceID, r.SpanID = trace, span
	}
}
