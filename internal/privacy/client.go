package privacy

import (
	"net/netip"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

const (
	requestHeader = event.PrefixRequestHeader
	// maxSwaps bounds what is searched for in all of a record: two addresses and two agents, and as many again.
	maxSwaps = 8
	// minSwap is the shortest text that is searched for elsewhere: 1.2.3.4. What is shorter says nothing by itself.
	minSwap = 7
)

// addressKeys are where conventions, old and new, put the client's address.
var addressKeys = []string{
	event.KeyClientAddress, event.KeyPeerAddress, "client.ip", "http.client_ip", "net.peer.ip", "net.sock.peer.addr",
	"source.address", "source.ip",
}

// addressHeaders are the headers in which a chain of proxies tells whom it serves.
var addressHeaders = []string{
	"cf-connecting-ip", "cf-connecting-ipv6", "client-ip", "fastly-client-ip", "fly-client-ip", "forwarded",
	"true-client-ip", "x-client-ip", "x-cluster-client-ip", "x-envoy-external-address", "x-forwarded", "x-forwarded-for",
	"x-original-forwarded-for", "x-real-ip",
}

// portKeys are where the client's port stands, which beside a network tells the subscribers of one address apart.
var portKeys = []string{
	event.KeyClientPort, "network.peer.port", "net.peer.port", "source.port", "net.sock.peer.port",
}

// agentKeys are where the user agent stands as it was sent.
var agentKeys = []string{event.KeyUserAgent, "http.user_agent", requestHeader + "user-agent"}

// trait is what a key says of its value, as far as it tells of the client.
type trait uint8

const (
	ordinary trait = iota
	address
	addresses // a list of them, in some syntax
	port
	agent
	agentFamily
	agentDetail // more than the family, once an agent was taken apart
)

var traits = func() map[string]trait {
	m := map[string]trait{event.KeyAgentFamily: agentFamily}
	for t, keys := range map[trait][]string{address: addressKeys, port: portKeys, agent: agentKeys} {
		for _, k := range keys {
			m[k] = t
		}
	}
	for _, name := range addressHeaders {
		m[requestHeader+name] = addresses
	}
	return m
}()

func traitOf(key string) trait {
	if t, ok := traits[key]; ok {
		return t
	}
	if strings.HasPrefix(key, "user_agent.") || strings.HasPrefix(key, requestHeader+"sec-ch-ua") {
		return agentDetail
	}
	return ordinary
}

// cutAddress returns what may be kept of one: its network, or that there was one.
func (p *Pass) cutAddress(text string) string {
	if p.rules.address == Drop {
		return droppedAddress
	}
	return network(text)
}

func network(text string) string {
	if _, err := netip.ParsePrefix(text); err == nil {
		return text // cut before, here or upstream
	}
	if n := event.Network(text); n != "" {
		return n
	}
	return droppedAddress // a host name tells as much as its address
}

// cutAddresses cuts each address of a list, in whatever syntax it is written.
func cutAddresses(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && addressByte(text[end]) {
			end++
		}
		if end == i {
			out.WriteByte(text[i])
			i++
			continue
		}
		word := text[i:end]
		if n := event.Network(word); n != "" && (end == len(text) || text[end] != '/') {
			word = n
		}
		out.WriteString(word)
		i = end
	}
	return out.String()
}

func addressByte(c byte) bool { return hexByte(c) || c == '.' || c == ':' }

func (p *Pass) cutAgent(text string) string {
	if p.rules.agent == Drop {
		return droppedAgent
	}
	return event.AgentFamily(text)
}

// swap is a text of the record and what stands for it.
type swap struct {
	old, with string
	why       Change
}

func (p *Pass) remember(text, with string, why Change) {
	if len(text) < minSwap || len(p.swaps) >= maxSwaps || text == with {
		return
	}
	for _, s := range p.swaps {
		if s.old == text {
			return
		}
	}
	p.swaps = append(p.swaps, swap{text, with, why})
}

func (p *Pass) swap(text string) string {
	for _, s := range p.swaps {
		if clean := replaceWord(text, s.old, s.with); clean != text {
			text = clean
			p.count[s.why]++
		}
	}
	return text
}

// replaceWord replaces old where it stands by itself: 10.0.0.1 is no part of 10.0.0.17, nor curl/8 of curl/8.5.
func replaceWord(text, old, with string) string {
	if !strings.Contains(text, old) {
		return text
	}
	var out strings.Builder
	for from := 0; ; {
		i := strings.Index(text[from:], old)
		if i < 0 {
			out.WriteString(text[from:])
			return out.String()
		}
		i += from
		end := i + len(old)
		out.WriteString(text[from:i])
		if i > 0 && wordByte(text[i-1]) || end < len(text) && wordByte(text[end]) {
			out.WriteString(old)
		} else {
			out.WriteString(with)
		}
		from = end
	}
}

func wordByte(c byte) bool { return letter(c) || digit(c) || c >= 0x80 }
