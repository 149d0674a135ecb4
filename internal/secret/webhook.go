package secret

import "strings"

// URLs that are credentials themselves: who knows one may post, or be the bot. The shapes are the makers' own; the
// part of the path that is secret is cut out and the rest, which names the workspace or the channel, stays.

// shortestBotSecret is below the 35 characters that Telegram gives: other bot APIs took over its form of path with
// secrets of their own length, and digits with a colon before them are sign enough.
const shortestBotSecret = 16

// matchTelegram takes the token of /bot<id>:<token>/.
func matchTelegram(s string, i int) (hit, bool) {
	if !strings.HasPrefix(s[i:], "bot") || i > 0 && s[i-1] != '/' {
		return hit{}, false
	}
	j := i + 3
	for j < len(s) && j < i+20 && '0' <= s[j] && s[j] <= '9' {
		j++
	}
	if j < i+9 || j >= len(s) {
		return hit{}, false
	}
	switch {
	case s[j] == ':':
		j++
	case strings.HasPrefix(s[j:], "%3A"), strings.HasPrefix(s[j:], "%3a"):
		j += 3
	default:
		return hit{}, false
	}
	end := j + segment(s[j:])
	if end-j < shortestBotSecret {
		return hit{}, false
	}
	return hit{start: i + 3, end: end, rule: formatTelegram}, true
}

// segment is the length of a path segment, whatever it is made of: a secret of this place may hold escapes.
func segment(s string) int {
	if n := strings.IndexAny(s, "/?# \t\r\n\"'<>&,;"); n >= 0 {
		return n
	}
	return len(s)
}

// webhook is a shape of path: a literal, some segments that name things, and the secret one.
type webhook struct {
	lead    string
	skip    int     // segments between the lead and the secret
	letters letters // of the skipped segments
	shorter int     // the skipped segments have at least so many letters
	secret  letters
	min     int
	exact   bool // the secret has min letters, not more
}

// webhooks are tried in order at each slash that begins one of the leads.
var webhooks = []webhook{
	{lead: "/services/T", skip: 2, letters: base62, shorter: 7, secret: urlSafe, min: 20},  // Slack
	{lead: "/workflows/T", skip: 3, letters: base62, shorter: 7, secret: urlSafe, min: 20}, // Slack
	{lead: "/triggers/T", skip: 2, letters: base62, shorter: 7, secret: urlSafe, min: 20},  // Slack
	{lead: "/webhooks/", skip: 1, letters: base62, shorter: 8, secret: urlSafe, min: 20},   // Discord
	{lead: "/IncomingWebhook/", secret: lowHex, min: 32, exact: true},                      // Microsoft Teams
	{lead: "/hooks/", secret: zBase32, min: 26, exact: true},                               // Mattermost
	{lead: "/hooks/", skip: 1, letters: base62, shorter: 17, secret: base62, min: 30},      // Rocket.Chat
	{lead: "/hooks/catch/", skip: 1, letters: base62, shorter: 5, secret: base62, min: 5},  // Zapier
	{lead: "/with/key/", secret: urlSafe, min: 20},                                         // IFTTT
	{lead: "/api/webhook/", secret: urlSafe, min: 40},                                      // Home Assistant
}

// matchWebhook takes the secret end of a webhook's path.
func matchWebhook(s string, i int) (hit, bool) {
	for n := range webhooks {
		w := &webhooks[n]
		if !strings.HasPrefix(s[i:], w.lead) {
			continue
		}
		if start, end, ok := w.match(s, i); ok {
			return hit{start: start, end: end, rule: formatWebhook}, true
		}
	}
	return hit{}, false
}

func (w *webhook) match(s string, i int) (start, end int, ok bool) {
	at := i + len(w.lead)
	for range w.skip {
		end := letterRun(s, at, w.letters)
		if end-at < w.shorter || end >= len(s) || s[end] != '/' {
			return 0, 0, false
		}
		at = end + 1
	}
	end = letterRun(s, at, w.secret)
	long := end-at >= w.min && secretish(s[at:end]) || w.min < shortestValue && end-at >= w.min
	return at, end, long && (!w.exact || end-at == w.min && (end == len(s) || !alnum(s[end])))
}
