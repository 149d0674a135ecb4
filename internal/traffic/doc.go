// Package traffic makes the access logs of a small company: about forty tokens of people, services, cron jobs and
// CI, behind a Kong and an NGINX, with an incident in the last two hours when asked. The same seed gives the same
// tokens, so a demo can print the leaked one without ever writing it down.
package traffic
