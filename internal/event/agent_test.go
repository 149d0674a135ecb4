package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAgentFamilyIsOfAClosedSet(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "curl/8.5.0": "curl", "python-requests/2.31 alice-laptop": "python-requests",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36": "chrome",
		"Mozilla/5.0 (compatible; Googlebot/2.1)":                                                           "bot", "alice's own thing": "other", "Go-http-client/2.0": "go-http-client",
	} {
		assert.Equal(t, want, AgentFamily(in), in)
		assert.Equal(t, want, AgentFamily(want), "a family names itself")
	}
}
