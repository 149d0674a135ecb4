package gateway

// Traceparent reads the W3C header 00-<trace>-<span>-<flags>. A span that cannot be read is none.
func Traceparent(v string) (trace [16]byte, span [8]byte, ok bool) {
	if len(v) < len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01") || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return trace, span, false
	}
	if !unhex(trace[:], v[3:35]) || trace == [16]byte{} {
		return [16]byte{}, span, false
	}
	if !unhex(span[:], v[36:52]) {
		span = [8]byte{}
	}
	return trace, span, true
}

func (d *draft) traceparent(v string) {
	trace, span, ok := Traceparent(v)
	if !ok {
		return
	}
	d.r.TraceID = trace
	if span != [8]byte{} {
		d.r.SpanID = span
	}
}

// trace sets the ids from their hexadecimal form; a trace id of 64 bits is padded as B3 says.
func (d *draft) trace(trace, span string) {
	if len(trace) == 16 {
		trace = "0000000000000000" + trace
	}
	var t [16]byte
	if len(trace) != 32 || !unhex(t[:], trace) || t == [16]byte{} {
		return
	}
	d.r.TraceID = t
	d.span(span)
}

func (d *draft) span(span string) {
	var s [8]byte
	if len(span) == 16 && unhex(s[:], span) {
		d.r.SpanID = s
	}
}

func unhex(dst []byte, s string) bool {
	for i := range dst {
		hi, lo := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
