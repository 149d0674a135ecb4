package archive

import (
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/keytrail/keytrail/internal/event"
)

// Columns that hold a record's own fields or a block's frame; every other column is the key of an attribute with its
// dots as underscores.
const (
	colFingerprint = "token_fingerprint" // of the row, text form, empty without a token
	colTime        = "time"              // microseconds, which every reader of Parquet understands
	colTimeNs      = "time_ns"           // the nanoseconds below
	colPrimary     = "is_primary"        // true for exactly one row of an event
	colEventID     = "keytrail_event_id"
	colObserved    = "observed_time"
	colObservedNs  = "observed_time_ns"
	colName        = "event_name"
	colSeverity    = "severity_number"
	colTraceID     = "trace_id"
	colSpanID      = "span_id"
	colRing        = "keytrail_ring_id"
	colEpoch       = "keytrail_ring_epoch"
	colCheck       = "keytrail_ring_kcv"
	colAttrs       = "attrs" // MAP: every attribute without a column of its own, values as JSON
)

// sortOrder is written into every file for readers that look there.
const sortOrder = "token_fingerprint,time,time_ns,keytrail_event_id"

// place says where in a record the value of a column stands.
type place uint8

const (
	inFrame    place = iota // a field of the record, or of the row
	inAttrs                 // an attribute
	inResource              // an attribute of the resource
)

// layout is a column's encoding: dictionaries for what repeats, deltas for numbers that do not.
type layout uint8

const (
	plain layout = iota
	dict
	delta
)

// column describes one leaf of the schema. An attribute goes to its column when it is of the column's kind; one of
// another kind goes to attrs, so that nothing changes its type by being archived. A KindStrings column holds lists of
// exactly one string, the form of almost every header.
type column struct {
	name   string
	place  place
	key    string
	kind   event.Kind
	layout layout
	bloom  bool

	leaf       int             // index of the column in a file
	definition int             // the level of a value: 0 where every row has one
	nulls      []parquet.Value // a batch without a value
}

// required reports whether every row has a value: only what the frame always has.
func (c *column) required() bool {
	switch c.name {
	case colTraceID, colSpanID, colRing, colEpoch, colCheck:
		return false
	}
	return c.place == inFrame
}

// bloomBits a value: one probe in two hundred is a false alarm, at a byte and a half.
const bloomBits = 12

var columns, schema = buildSchema()

// The columns by what they hold and by name, and the two leaves of the map.
var (
	attrColumns     = indexColumns(inAttrs)
	resourceColumns = indexColumns(inResource)
	columnNames     = indexNames()
	frames          = namedFrames()
	attrsKeyLeaf    = leafOf(colAttrs, "key_value", "key")
	attrsValueLeaf  = leafOf(colAttrs, "key_value", "value")
)

func frame(name string, kind event.Kind, l layout, bloom bool) column {
	return column{name: name, place: inFrame, kind: kind, layout: l, bloom: bloom}
}

func frameColumns() []column {
	return []column{
		frame(colFingerprint, event.KindString, dict, true),
		frame(colTime, event.KindInt, delta, false),
		frame(colTimeNs, event.KindInt, delta, false),
		frame(colPrimary, event.KindBool, plain, false),
		frame(colEventID, event.KindString, plain, false),
		frame(colObserved, event.KindInt, delta, false),
		frame(colObservedNs, event.KindInt, delta, false),
		frame(colName, event.KindString, dict, false),
		frame(colSeverity, event.KindInt, dict, false),
		frame(colTraceID, event.KindString, plain, true),
		frame(colSpanID, event.KindString, plain, false),
		frame(colRing, event.KindString, dict, false),
		frame(colEpoch, event.KindInt, dict, false),
		frame(colCheck, event.KindString, dict, false),
	}
}

// attributeColumns lists what gets a column: what people filter by, and what most events carry.
func attributeColumns() []column {
	var cs []column
	add := func(p place, kind event.Kind, l layout, bloom bool, keys ...string) {
		for _, k := range keys {
			cs = append(cs, column{name: columnName(k), place: p, key: k, kind: kind, layout: l, bloom: bloom})
		}
	}
	add(inResource, event.KindString, dict, false,
		event.KeyServiceName, event.KeyServiceNamespace, event.KeyDeploymentEnv)
	add(inAttrs, event.KindString, dict, true,
		event.KeyPrincipal, event.KeyCredentialID, event.KeyJWTID, event.KeyOwnerID, event.KeyOwnerPseudonym)
	add(inAttrs, event.KindString, plain, true, event.KeyRequestID)
	add(inAttrs, event.KindString, plain, false,
		event.KeyRequestKey, event.KeyPath, event.KeyQuery, event.KeyAlertID, event.KeyAlertExplanation)
	add(inAttrs, event.KindString, dict, false,
		event.KeyCapture, event.KeySource, event.KeyFormat, event.KeyMethod, event.KeyScheme, event.KeyRoute,
		event.KeyTemplate, event.KeyServerAddress, event.KeyProtocolVersion, event.KeyErrorType, event.KeyAnsweredBy,
		event.KeyDenyReason, event.KeyRedaction, event.KeyClientAddress, event.KeyPeerAddress, event.KeyUserAgent,
		event.KeyAgentFamily, event.KeyClientASOrg, event.KeyClientCountry, event.KeyUserName,
		event.KeyFingerprintPrev, event.KeyPrincipalPrev, event.KeyPrincipalClaimed, event.KeyPrincipalBasis,
		event.KeyTokenScheme, event.KeyTokenLocation, event.KeyTokenFormat, event.KeyTokenChecksum,
		event.KeyJWTIssuer, event.KeyJWTSubject, event.KeyJWTClientID, event.KeyJWTKeyID,
		event.KeyOwnerType, event.KeyOwnerName, event.KeyOwnerTeam, event.KeyOwnerContact, event.KeyOwnerSource,
		event.KeyOwnerAsOf, event.KeyTokenID, event.KeyTokenName, event.KeyTokenState,
		event.KeyAlertState, event.KeyAlertDetector, event.KeyAlertSeverity)
	add(inAttrs, event.KindInt, dict, false,
		event.KeyStatus, event.KeyUpstreamStatus, event.KeyServerPort, event.KeyClientAS)
	add(inAttrs, event.KindInt, delta, false,
		event.KeyRequestBodySize, event.KeyRequestSize, event.KeyRespBodySize, event.KeyRespSize, event.KeyClientPort)
	add(inAttrs, event.KindDouble, plain, false, event.KeyDuration, event.KeyUpstreamTime)
	add(inAttrs, event.KindStrings, dict, false, headerKeys()...)
	return cs
}

// headerKeys are the headers that most requests carry.
func headerKeys() []string {
	var keys []string
	for _, h := range []string{
		"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host",
		"user-agent", "x-api-key", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
	} {
		keys = append(keys, event.PrefixRequestHeader+h)
	}
	for _, h := range []string{"connection", "content-length", "content-type", "date", "server", "via"} {
		keys = append(keys, event.PrefixResponseHeader+h)
	}
	return keys
}

func columnName(key string) string {
	return strings.NewReplacer(".", "_", "-", "_").Replace(key)
}

func buildSchema() ([]column, *parquet.Schema) {
	cs := append(frameColumns(), attributeColumns()...)
	group := parquet.Group{
		colAttrs: parquet.Map(
			parquet.Encoded(parquet.String(), &parquet.RLEDictionary),
			parquet.Encoded(parquet.String(), &parquet.Plain)),
	}
	for i := range cs {
		group[cs[i].name] = cs[i].node()
	}
	s := parquet.NewSchema("keytrail_event", arranged(group, cs))
	for i := range cs {
		leaf, ok := s.Lookup(cs[i].name)
		if !ok {
			panic("archive: schema lost column " + cs[i].name)
		}
		cs[i].bind(leaf)
	}
	return cs, s
}

// arrangement is a group whose fields stand in an order of ours.
type arrangement struct {
	parquet.Group
	fields []parquet.Field
}

func (a *arrangement) Fields() []parquet.Field { return a.fields }

// arranged puts the columns whose values repeat first, then the others: the short ones lie side by side, and a search
// asks for the pages it needs of several of them at once instead of around what is long.
func arranged(g parquet.Group, cs []column) parquet.Node {
	long := map[string]bool{colAttrs: true}
	for i := range cs {
		long[cs[i].name] = cs[i].layout != dict && cs[i].kind != event.KindBool && cs[i].name != colTimeNs && cs[i].name != colObservedNs
	}
	fields := g.Fields()
	slices.SortStableFunc(fields, func(a, b parquet.Field) int {
		switch {
		case long[a.Name()] == long[b.Name()]:
			return strings.Compare(a.Name(), b.Name())
		case long[a.Name()]:
			return 1
		}
		return -1
	})
	return &arrangement{g, fields}
}

func (c *column) bind(leaf parquet.LeafColumn) {
	c.leaf, c.definition = leaf.ColumnIndex, leaf.MaxDefinitionLevel
	c.nulls = make([]parquet.Value, batchRows)
	for i := range c.nulls {
		c.nulls[i] = parquet.Value{}.Level(0, 0, c.leaf)
	}
}

func (c *column) node() parquet.Node {
	n := c.logical()
	switch c.layout {
	case dict:
		n = parquet.Encoded(n, &parquet.RLEDictionary)
	case delta:
		n = parquet.Encoded(n, &parquet.DeltaBinaryPacked)
	default:
		n = parquet.Encoded(n, &parquet.Plain)
	}
	if !c.required() {
		n = parquet.Optional(n)
	}
	return n
}

func (c *column) logical() parquet.Node {
	switch c.name {
	case colTime, colObserved:
		return parquet.Timestamp(parquet.Microsecond)
	case colTimeNs, colObservedNs:
		return parquet.Int(16)
	case colSeverity, colEpoch:
		return parquet.Int(32)
	}
	switch c.kind {
	case event.KindInt:
		return parquet.Int(64)
	case event.KindDouble:
		return parquet.Leaf(parquet.DoubleType)
	case event.KindBool:
		return parquet.Leaf(parquet.BooleanType)
	}
	return parquet.String()
}

func indexColumns(p place) map[string]*column {
	m := make(map[string]*column)
	for i := range columns {
		if columns[i].place == p {
			m[columns[i].key] = &columns[i]
		}
	}
	return m
}

func indexNames() map[string]*column {
	m := make(map[string]*column, len(columns))
	for i := range columns {
		m[columns[i].name] = &columns[i]
	}
	return m
}

// frameSet is the frame by name, for what writes every one of its columns for every row.
type frameSet struct {
	fingerprint, time, timeNs, primary, eventID, observed, observedNs, name, severity *column
	traceID, spanID, ring, epoch, check                                               *column
}

func namedFrames() frameSet {
	n := columnNames
	return frameSet{
		fingerprint: n[colFingerprint], time: n[colTime], timeNs: n[colTimeNs], primary: n[colPrimary],
		eventID: n[colEventID], observed: n[colObserved], observedNs: n[colObservedNs], name: n[colName],
		severity: n[colSeverity], traceID: n[colTraceID], spanID: n[colSpanID], ring: n[colRing], epoch: n[colEpoch],
		check: n[colCheck],
	}
}

func leafOf(path ...string) int {
	leaf, ok := schema.Lookup(path...)
	if !ok {
		panic("archive: schema lost " + strings.Join(path, "."))
	}
	return leaf.ColumnIndex
}
