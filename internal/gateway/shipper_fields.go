package gateway

import (
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// Semantic conventions for where a record was found.
const (
	keyHostName    = "host.name"
	keyContainerID = "container.id"
	keyFilePath    = "log.file.path"
	keyStream      = "log.iostream"
)

// outer is what the shippers say of a record, for where the record itself is silent.
type outer struct {
	service string
	time    time.Time
}

// outerTime keeps the time of the innermost envelope: the one nearest to the gateway.
func (d *draft) outerTime(t time.Time) {
	if !t.IsZero() {
		d.outer.time = t
	}
}

// fillOuter gives the draft what only the shippers know.
func (d *draft) fillOuter() {
	if d.start.IsZero() && d.end.IsZero() {
		d.end = d.outer.time // a line is written when its request is over
	}
	if d.service == "" && d.weakService == "" {
		d.weakService = d.outer.service
	}
}

// resourceNames are the fields of an envelope, in their normal form and with the names above them, that have a name
// in the semantic conventions as properties of where the record comes from.
var resourceNames = map[string]string{
	"host": keyHostName, "hostname": keyHostName, "host_name": keyHostName, "host_hostname": keyHostName,
	"_hostname": keyHostName,

	"kubernetes_pod_name": "k8s.pod.name", "resource_labels_pod_name": "k8s.pod.name",
	"kubernetes_pod_id": "k8s.pod.uid", "kubernetes_pod_uid": "k8s.pod.uid",
	"kubernetes_namespace_name": "k8s.namespace.name", "kubernetes_namespace": "k8s.namespace.name",
	"kubernetes_pod_namespace": "k8s.namespace.name", "resource_labels_namespace_name": "k8s.namespace.name",
	"kubernetes_container_name": "k8s.container.name", "resource_labels_container_name": "k8s.container.name",
	"kubernetes_host": "k8s.node.name", "kubernetes_node_name": "k8s.node.name",
	"kubernetes_pod_node_name": "k8s.node.name", "kubernetes_deployment_name": "k8s.deployment.name",
	"resource_labels_cluster_name": "k8s.cluster.name",
	"kubernetes_docker_id":         keyContainerID, "kubernetes_container_id": keyContainerID,
	"docker_container_id": keyContainerID, "container_id": keyContainerID,
}

// attrNames are those that are properties of the record.
var attrNames = map[string]string{
	"file": keyFilePath, "log_file_path": keyFilePath, "path": keyFilePath, "filename": keyFilePath, "stream": keyStream,
}

// timeNames hold when the shipper read the line, or the runtime wrote it.
var timeNames = map[string]bool{
	"date": true, "timestamp": true, "time": true, "_source_realtime_timestamp": true, "__realtime_timestamp": true,
}

// serviceLabels are the labels of a pod that name its application, best first.
var serviceLabels = []string{"app.kubernetes.io/name", "app_kubernetes_io/name", "app", "k8s-app", "k8s-pod/app"}

// outerFields keeps what an envelope says beside the record at index skip.
func (d *draft) outerFields(skip int) {
	e := envelope{d: d, skip: skip, text: d.doc.Node(skip).Text}
	d.rest.begin(shipperOf(&d.doc))
	e.object(0, "", 1)
	for _, a := range d.rest.list {
		d.r.Attrs.Set(a.Key, a.Value)
	}
	if len(d.rest.other) > 0 {
		d.r.Attrs.Set(string(d.rest.path)+"other", event.Strings(d.rest.other))
	}
}

// envelope is one shipper's object while it is read.
type envelope struct {
	d    *draft
	skip int
	text string
}

func (e *envelope) object(i int, path string, level int) {
	d := e.d
	for c, n := range d.doc.Children(i) {
		name := path + fieldNames.get(n.Key)
		switch {
		case c == e.skip || n.Kind == jsondoc.String && n.Text == e.text: // Logstash keeps the line twice
		case n.Kind == jsondoc.Object && level < maxFlat:
			if strings.HasSuffix(name, "labels") {
				e.service(c)
			}
			mark := d.rest.enter(n.Key)
			e.object(c, name+"_", level+1)
			d.rest.leave(mark)
		case e.known(name, n):
		default:
			d.rest.node(&d.doc, c)
		}
	}
}

// known takes a field that has a standard name.
func (e *envelope) known(name string, n *jsondoc.Node) bool {
	v := textOf(n)
	if v == "" {
		return false
	}
	if key, ok := resourceNames[name]; ok {
		if key == keyContainerID {
			if _, id, ok := strings.Cut(v, "://"); ok { // containerd://…
				v = id
			}
		}
		e.d.r.Resource.Set(key, event.String(v))
		return true
	}
	if key, ok := attrNames[name]; ok {
		e.d.r.Attrs.Set(key, event.String(v))
		return true
	}
	if timeNames[name] {
		t := parseTime(v)
		e.d.outerTime(t)
		return !t.IsZero()
	}
	return false
}

func (e *envelope) service(labels int) {
	for _, name := range serviceLabels {
		if i, ok := e.d.doc.Get(labels, name); ok {
			if v := textOf(e.d.doc.Node(i)); v != "" {
				e.d.outer.service = v
				return
			}
		}
	}
}

// shippers tell an envelope by its members; the first that fits counts.
var shippers = []struct {
	name string
	has  []string
}{
	{"cloud_logging", []string{"logName", "insertId"}},
	{"vector", []string{"source_type"}},
	{"logstash", []string{"@version"}},
	{"logstash", []string{"@timestamp", "agent"}},
	{"logstash", []string{"@timestamp", "ecs"}},
	{"journald", []string{"MESSAGE"}},
	{"fluent_bit", []string{"date"}},
	{"docker", []string{"log", "stream", "time"}},
	{"fluentd", []string{"docker", "kubernetes"}},
	{"fluent_bit", []string{"kubernetes"}},
	{"fluentd", []string{"tag"}},
}

func shipperOf(doc *jsondoc.Doc) string {
next:
	for _, s := range shippers {
		for _, name := range s.has {
			if _, ok := doc.Get(0, name); !ok {
				continue next
			}
		}
		return s.name
	}
	return "shipper"
}
