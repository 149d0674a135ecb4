// Package dashboards holds what Grafana and Prometheus read: the dashboard, its provisioning, and the alerting rules.
// The files are embedded so that tests run each of their queries.
package dashboards

import "embed"

// Files are the dashboards, rules and provisioning of this folder.
//
//go:embed *.json *.yaml provisioning
var Files embed.FS
