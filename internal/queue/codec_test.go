package queue

import (
	"maps"
	"testing"
)

// A task without the optional headers is one of an older ingest, or of a hook. An
// older worker finds in a newer task all the headers that it knows.
func TestOptionalHeaders(t *testing.T) {
	e := sampleEvent()
	e.TraceParent = ""
	plain := e.encode().Headers()
	for _, h := range []string{headerTraceParent, headerChannel, headerKey} {
		if v, ok := plain[h]; ok {
			t.Errorf("the header %s is there: %q", h, v)
		}
	}
	if got, err := decodeEvent(plain, e.Body); err != nil || !equalEvents(got, e) {
		t.Errorf("decoded %+v, %v; want %+v", got, err, e)
	}

	e.IdempotencyKey = "k"
	keyed := e.encode().Headers()
	if got, err := decodeEvent(keyed, e.Body); err != nil || got.IdempotencyKey != "k" {
		t.Errorf("decoded %+v, %v", got, err)
	}
	delete(keyed, headerKey)
	if !maps.Equal(keyed, plain) {
		t.Errorf("the key changes other headers: %v, without it %v", keyed, plain)
	}
}
