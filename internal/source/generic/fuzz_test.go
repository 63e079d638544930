package generic

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"accessrelay/internal/source"
	"accessrelay/internal/sourcetest"
)

func FuzzCheck(f *testing.F) {
	sourcetest.FuzzCheck(f, configured(f, asIfConfigured()), "kind")
}

func FuzzNormalize(f *testing.F) {
	sourcetest.FuzzNormalize(f, configured(f, asIfConfigured()))
}

func FuzzNormalizeAnywhere(f *testing.F) {
	sourcetest.FuzzNormalize(f, configured(f, Settings{
		EventType: "$..['type','kind']",
		Fields: map[string]string{
			"occurred_at": "$..time", "request.id": "$.*.id", "window.ends_at": "$..*", "requester.id": "$.a[-1]", "error.message": "$.*.*.*",
		},
	}))
}

// node is a value of a body, read by somebody else than search.
type node struct {
	at      int // where it begins
	raw     json.RawMessage
	members []member
	items   []*node
}

type member struct {
	name string
	val  *node
}

// parse reads the value at place at of body with encoding/json; of several members
// with one name it keeps the last, where it stands.
func parse(t *testing.T, body []byte, at int) *node {
	t.Helper()
	n := &node{at: at, raw: body}
	if body[0] != '{' && body[0] != '[' {
		return n
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		name := ""
		if body[0] == '{' {
			tok, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			name = tok.(string)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		inner := parse(t, raw, at+int(dec.InputOffset())-len(raw))
		if body[0] == '[' {
			n.items = append(n.items, inner)
			continue
		}
		for i, m := range n.members {
			if m.name == name {
				n.members = append(n.members[:i:i], n.members[i+1:]...)
				break
			}
		}
		n.members = append(n.members, member{name, inner})
	}
	return n
}

// apply is RFC 9535 word by word, without a thought for what it costs.
func apply(nodes []*node, s segment) []*node {
	var out []*node
	for _, n := range nodes {
		for _, sel := range s.selectors {
			for _, m := range n.members {
				if sel.kind == wildcard || sel.kind == byName && sel.name == m.name {
					out = append(out, m.val)
				}
			}
			for i, item := range n.items {
				if sel.kind == wildcard || sel.kind == byIndex && (sel.index == i || sel.index+len(n.items) == i) {
					out = append(out, item)
				}
			}
		}
		if !s.descendant {
			continue
		}
		for _, m := range n.members {
			out = append(out, apply([]*node{m.val}, s)...)
		}
		for _, item := range n.items {
			out = append(out, apply([]*node{item}, s)...)
		}
	}
	return out
}

// FuzzFind: the one pass finds what the specification says, whatever the path.
func FuzzFind(f *testing.F) {
	paths := []string{
		"$.kind", "$.a.b", "$['a','b'].c", "$.a[0]", "$.a[-1].b", "$.a[1,-1]", "$.*", "$.*.*", "$..kind", "$..*", "$..a..b",
		"$..a.b..*", "$.*[*].a", "$..[0]", "$..['a','b'][1]", `$["\u0061"]..a`,
	}
	for i, path := range paths {
		for name, body := range sourcetest.Bodies(f, sourcetest.Want{}) {
			if (i+len(name))%4 == 0 { // enough to begin with
				f.Add(path, body)
			}
		}
		f.Add(path, []byte(`{"a":{"b":{"c":1}},"kind":"","b":[[1,{"a":2}],{"b":"x","b":null}],"a":[{"a":{"b":3}},"y"]}`))
	}
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		p, err := parsePath(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		if len(body) > 1000 || source.Envelope(body) != nil {
			return
		}
		start := source.SkipSpace(body, 0)
		nodes := []*node{parse(t, bytes.TrimSpace(body[start:]), start)}
		for _, s := range p.segments {
			if nodes = apply(nodes, s); len(nodes) > 5000 {
				return
			}
		}
		var want finding
		for _, n := range nodes {
			raw := string(n.raw)
			want.any = want.any || raw != "null"
			isText := raw[0] == '"' && raw != `""` || strings.ContainsAny(raw[:1], "-0123456789")
			if isText && (want.text == 0 || n.at < want.text) {
				want.text = n.at
			}
		}
		if got := p.find(body); got != want {
			t.Errorf("%s in %s: found %+v, want %+v", text, body, got, want)
		}
	})
}
