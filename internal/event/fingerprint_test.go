package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func mustFingerprint(tb testing.TB, body string) string {
	tb.Helper()
	f, err := Fingerprint([]byte(body))
	if err != nil {
		tb.Fatalf("Fingerprint(%.200q): %v", body, err)
	}
	return f
}

func TestFingerprintEqual(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"white space", `{"a":1,"b":[1,2]}`, "\t{ \"a\" :\r\n1 , \"b\" : [ 1 , 2 ] } \n"},
		{"key order", `{"a":1,"b":2}`, `{"b":2,"a":1}`},
		{"nested key order", `{"x":{"a":1,"b":{"c":3,"d":4}}}`, `{"x":{"b":{"d":4,"c":3},"a":1}}`},
		{"key order within an array", `[{"a":1,"b":2}]`, `[{"b":2,"a":1}]`},
		{"escaped letter", `"\u0041"`, `"A"`},
		{"escaped slash", `"a\/b"`, `"a/b"`},
		{"escaped line break", `"\n\t\b\f\r\"\\"`, `"\u000a\u0009\u0008\u000C\u000D\u0022\u005c"`},
		{"escaped pair", `"\ud83d\ude00"`, `"😀"`},
		{"escaped three bytes", `"\u20AC"`, `"€"`},
		{"escaped key", `{"\u0061":1}`, `{"a":1}`},
		{"last of a repeated key", `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{"repeated key in order", `{"a":1,"a":2,"b":3}`, `{"a":2,"b":3}`},
		{"keys repeated by escape", `{"a":1,"\u0061":2}`, `{"a":2}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if mustFingerprint(t, c.a) != mustFingerprint(t, c.b) {
				t.Errorf("%s and %s differ", c.a, c.b)
			}
		})
	}
}

// Every two of these differ.
func TestFingerprintDifferent(t *testing.T) {
	bodies := []string{
		`1`, `1.0`, `1e0`, `1E0`, `1e+0`, `-1`, `0`, `-0`, `100`, `1e2`, `1.00`,
		`12345678901234567890`, `12345678901234567891`,
		`"1"`, `""`, `" "`, `"a"`, `"A"`, `"ab"`, `"true"`, `"null"`,
		`true`, `false`, `null`,
		`[]`, `{}`, `[[]]`, `[{}]`, `[[],[]]`, `[null]`, `[1]`, `[1,2]`, `[2,1]`, `[12]`, `[[1],2]`, `[[1,2]]`,
		`["a","b"]`, `["ab"]`, `["a,b"]`, `["a",["b"]]`,
		`{"a":1}`, `{"a":"1"}`, `{"a":null}`, `{"A":1}`, `{"a":1,"b":1}`, `{"a":{"b":1}}`, `{"a":[1]}`, `{"":1}`,
		`{"a":"b"}`, `["a:b"]`, `{"b":"a"}`, `{"a":1,"b":2}`, `{"a":2,"b":1}`,
		`"\ud800"`, `"\ud801"`, `"\udc00"`, `"\ufffd"`, `"\ud800\ud800"`, `"\udc00\ud800"`, `"\ud800\udc00"`, `"\ud800\\udc00"`,
		`"\u0000"`, `"\u0001"`, `"\u00e9"`, `"e\u0301"`, // é in two ways is two texts
	}
	seen := map[string]string{}
	for _, b := range bodies {
		f := mustFingerprint(t, b)
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s have one fingerprint", b, other)
		}
		seen[f] = b
		if len(f) != 43 || strings.ContainsAny(f, "+/= ") {
			t.Errorf("fingerprint %q of %s is not 43 characters of base64url", f, b)
		}
	}
}

// The fingerprint is kept in Redis over restarts and upgrades: it may not change.
func TestFingerprintStable(t *testing.T) {
	const body = `{"id":"n","data":{"t":[1,2.50,true,null,"é\n"]}}`
	if got, want := mustFingerprint(t, body), "TiJ2XGY3mz_IoZ8Y9o5FXyqZya6ccdGSIrPDZksiB2o"; got != want {
		t.Errorf("Fingerprint = %s, want %s", got, want)
	}
}

var brokenJSON = []string{
	``, ` `, `{`, `}`, `[`, `]`, `"`, `"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{1:2}`, `{a:1}`,
	`[1`, `[1,`, `[1,]`, `[,]`, `[1 2]`, `{"a" 1}`, `{"a":1 "b":2}`, `{} {}`, `1 2`, `{}x`, `nul`, `tru`, `falsy`, `True`, `NaN`,
	`01`, `+1`, `-`, `.5`, `1.`, `1e`, `1e+`, `1.e1`, `0x1`, `--1`, `1_0`,
	`"\x"`, `"\u12"`, `"\u12g4"`, `"\`, `"\u`, "\"a\nb\"", "\"\x00\"", `'a'`, "\ufeff{}", "{}\x00", "/**/{}",
	"\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "{\"\x80\":1}",
}

func TestFingerprintBroken(t *testing.T) {
	for _, b := range brokenJSON {
		if f, err := Fingerprint([]byte(b)); err == nil || f != "" {
			t.Errorf("Fingerprint(%q) = %q, %v; want an error", b, f, err)
		}
	}
}

func TestFingerprintErrorHoldsNoContent(t *testing.T) {
	_, err := Fingerprint([]byte(`{"hunter2" hunter2`))
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), `"h`) {
		t.Errorf("err = %v", err)
	}
	if err != nil && !strings.Contains(err.Error(), "byte 11") {
		t.Errorf("err = %v, want the place, byte 11", err)
	}
}

func TestFingerprintDepth(t *testing.T) {
	nest := func(n int) []byte { return []byte(strings.Repeat(`{"b":[`, n/2) + strings.Repeat(`],"a":1}`, n/2)) }
	if _, err := Fingerprint(nest(maxDepth)); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if !json.Valid(nest(maxDepth)) {
		t.Error("encoding/json refuses what the fingerprint takes")
	}
	for _, n := range []int{maxDepth + 2, 300_000} {
		if _, err := Fingerprint(nest(n)); err == nil {
			t.Errorf("%d levels pass", n)
		}
	}
	if _, err := Fingerprint(bytes.Repeat([]byte("["), 1<<20)); err == nil {
		t.Error("a megabyte of open brackets passes")
	}
}

// Counting levels must count those open, not all there ever were.
func TestFingerprintManySiblings(t *testing.T) {
	mustFingerprint(t, "["+strings.Repeat("[],{},", 2*maxDepth)+"0]")
}

// Any value, written in two random ways, has one fingerprint; with one scalar
// or key changed it has another.
func TestFingerprintProperties(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		v := randomNode(rnd, 4)
		a, b := v.write(rnd), v.write(rnd)
		if mustFingerprint(t, a) != mustFingerprint(t, b) {
			t.Fatalf("case %d: one value, two fingerprints:\n%s\n%s", i, a, b)
		}
		before := mustFingerprint(t, a)
		leaves := v.leaves(nil)
		leaf := leaves[rnd.IntN(len(leaves))]
		leaf.change(rnd)
		if changed := v.write(rnd); mustFingerprint(t, changed) == before {
			t.Fatalf("case %d: a changed scalar keeps the fingerprint:\n%s\n%s", i, a, changed)
		}
	}
}

// node is a JSON value that can be written in many ways.
type node struct {
	scalar string // a number, true, false or null as written
	text   *string
	list   []*node
	keys   []string // an object if list is as long
}

func randomNode(rnd *rand.Rand, depth int) *node {
	kind := rnd.IntN(6)
	if depth == 0 {
		kind = rnd.IntN(3)
	}
	n := &node{}
	switch kind {
	case 0:
		n.scalar = []string{"true", "false", "null"}[rnd.IntN(3)]
	case 1:
		n.scalar = fmt.Sprint(rnd.NormFloat64() * 1e6)
	case 2:
		s := randomText(rnd)
		n.text = &s
	case 3:
		for range 1 + rnd.IntN(4) {
			n.list = append(n.list, randomNode(rnd, depth-1))
		}
	default:
		for i := range 1 + rnd.IntN(5) {
			n.keys = append(n.keys, fmt.Sprint(randomText(rnd), i))
			n.list = append(n.list, randomNode(rnd, depth-1))
		}
	}
	return n
}

func randomText(rnd *rand.Rand) string {
	var b strings.Builder
	for range rnd.IntN(8) {
		b.WriteRune([]rune("aZ09 /\\\"\n\x01é€😀<&\u2028")[rnd.IntN(16)])
	}
	return b.String()
}

func (n *node) leaves(ls []*node) []*node {
	if n.list == nil {
		return append(ls, n)
	}
	for _, c := range n.list {
		ls = c.leaves(ls)
	}
	return ls
}

func (n *node) change(rnd *rand.Rand) {
	if n.text != nil {
		s := *n.text + "x"
		n.text = &s
		return
	}
	n.scalar = fmt.Sprint("1", rnd.IntN(1000), ".0")
}

func (n *node) write(rnd *rand.Rand) string {
	space := func() string { return strings.Repeat([]string{" ", "\t", "\n", "\r"}[rnd.IntN(4)], rnd.IntN(3)) }
	var parts []string
	open, end := "[", "]"
	switch {
	case n.text != nil:
		return space() + writeText(rnd, *n.text) + space()
	case n.list == nil:
		return space() + n.scalar + space()
	case n.keys != nil:
		open, end = "{", "}"
		for _, i := range rnd.Perm(len(n.keys)) {
			parts = append(parts, space()+writeText(rnd, n.keys[i])+space()+":"+n.list[i].write(rnd))
		}
	default:
		for _, c := range n.list {
			parts = append(parts, c.write(rnd))
		}
	}
	return space() + open + strings.Join(parts, ",") + end + space()
}

func writeText(rnd *rand.Rand, s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r < 0x10000 && (r < ' ' || r == '"' || r == '\\' || rnd.IntN(3) == 0):
			fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[rnd.IntN(2)], r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// Whatever encoding/json takes has a fingerprint and nothing else has; writing
// it anew with sorted keys and no white space keeps it.
func FuzzFingerprint(f *testing.F) {
	f.Add([]byte(`{"id":"n","eventType":"preapproval-created","data":{"startsAt":1.6e12,"reason":"\u0041\ud83d\ude00"}}`))
	f.Add([]byte(`{"b":1,"a":{"d":[1,-0,{}],"c":null},"b":2}`))
	f.Add([]byte(`["\ud800","\udc00\ud800",true,false]`))
	for _, b := range brokenJSON {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Fingerprint(body)
		if valid := json.Valid(body) && utf8.Valid(body); valid != (err == nil) {
			t.Fatalf("Fingerprint: %v; encoding/json finds it valid: %t", err, valid)
		}
		if err != nil || bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) {
			return // encoding/json cannot carry a lone half of a surrogate pair
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if f2, err := Fingerprint(again); err != nil || f2 != got {
			t.Fatalf("written anew: %s, %v; before: %s\n%s", f2, err, got, again)
		}
	})
}

const benchBody = `{"id":"my-notifier-service","name":"My Notifier Service","eventType":"preapproval-created","data":{"id":"07ZmVeUxSc4LyhrGhlzK","type":"ssh","access":"session","permission":{"name":"demo-node-1","description":"sudo SSH access to demo-node-1 in AWS account Dev Stack"},"startsAt":782735400000,"endsAt":782735400000,"createdAt":782735400000,"principal":"john.smith@p0.dev","approver":{"id":"john.smith@p0.dev","name":"John Smith","email":"john.smith@p0.dev"},"reason":"Need to give a big customer a fancy demo"}}`

func BenchmarkFingerprint(b *testing.B) {
	body := []byte(benchBody)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fingerprint(body); err != nil {
			b.Fatal(err)
		}
	}
}

// The costliest shape known: every level must be sorted, and a megabyte lies beneath all.
func BenchmarkFingerprintDeepUnsorted(b *testing.B) {
	const levels = maxDepth - 1
	body := []byte(strings.Repeat(`{"b":`, levels) + `"` + strings.Repeat("x", 900_000) + `"` + strings.Repeat(`,"a":1}`, levels))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fingerprint(body); err != nil {
			b.Fatal(err)
		}
	}
}
