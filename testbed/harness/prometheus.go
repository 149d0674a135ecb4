package harness

import "testing"

// Prometheus starts Debian's Prometheus, which takes remote writes at /api/v1/write. scrape is the YAML list of its
// scrape_configs and may be empty.
func Prometheus(t testing.TB, scrape string) *Server {
	t.Helper()
	s := newServer(t, Program(t, "prometheus", "prometheus"))
	config := "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
	if scrape != "" {
		config += "scrape_configs:\n" + scrape + "\n"
	}
	s.args = []string{"--config.file=" + s.file("prometheus.yaml", config), "--web.listen-address=" + s.Address,
		"--storage.tsdb.path=" + s.mkdir("data"), "--web.enable-remote-write-receiver", "--web.enable-lifecycle",
		"--log.level=warn"}
	s.ready = s.answers("/-/ready")
	s.Start()
	return s
}
