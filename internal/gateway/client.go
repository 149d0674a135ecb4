package gateway

import (
	"net/netip"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// Proxies are the networks of one's own proxies, whose X-Forwarded-For counts.
type Proxies []netip.Prefix

// Contain reports whether an address is one of them.
func (p Proxies) Contain(a netip.Addr) bool {
	a = plainAddress(a)
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// Forwarded returns who sent a request that passed them: it walks the values of X-Forwarded-For from the right, past
// our own proxies. What stands left of the first stranger, or of the first text that is no address, is the caller's
// own word.
func (p Proxies) Forwarded(list []string) (last netip.Addr, ok bool) {
	for i := len(list) - 1; i >= 0; i-- {
		rest, more := list[i], true
		for more {
			var hop string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, hop = rest[:at], rest[at+1:]
			} else {
				hop, more = rest, false
			}
			addr, valid := Address(strings.TrimSpace(hop))
			if !valid {
				return last, ok
			}
			last, ok = addr, true
			if !p.Contain(last) {
				return last, true
			}
		}
	}
	return last, ok
}

// Address reads an address with or without a port. Its zone is of no use elsewhere, and IPv4 within IPv6 is IPv4.
func Address(s string) (netip.Addr, bool) {
	host, _ := splitHostPort(s)
	a, err := netip.ParseAddr(host)
	return plainAddress(a), err == nil
}

func plainAddress(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// addClient writes who sent the request: what the gateway resolved, or, where that is one of our own proxies, the
// first address from the right of X-Forwarded-For that is not. Only an address is written: these keys are typed,
// and free text in them would escape the redaction by value.
func (d *draft) addClient(proxies Proxies) {
	client, port := d.client, d.clientPort
	addr, ok := parseAddr(client)
	if !ok {
		client, port = splitHostPort(client)
		if addr, ok = parseAddr(client); !ok {
			d.rest.string("client", d.client)
			return
		}
	}
	peer := d.peer
	if proxies.Contain(addr) {
		if forwarded, ok := proxies.Forwarded(d.headers.all("x-forwarded-for")); ok {
			if peer == "" {
				peer = client
			}
			addr, client, port = forwarded, forwarded.String(), 0
		}
	}
	if addr.Is4In6() {
		client = addr.Unmap().String()
	}
	d.addString(event.KeyClientAddress, client)
	if _, ok := parseAddr(peer); ok && peer != client {
		d.addString(event.KeyPeerAddress, peer)
		port = 0 // it is the peer's
	}
	if port > 0 && port < 1<<16 {
		d.r.Attrs.Add(event.KeyClientPort, event.Int(port))
	}
}

// parseAddr makes no error of a field that is not there, as most records have none.
func parseAddr(s string) (netip.Addr, bool) {
	if s == "" {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil
}
