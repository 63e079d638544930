package wording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// plenty is a budget that no payload of these tests exhausts.
const plenty = 1 << 20

func standard(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return b.String()
}

var indentSamples = []string{
	`{}`, `[]`, `[[]]`, `[{}]`, `{"a":{}}`, `{"a":[]}`, ` [ ] `, "{\n}\n", `[1]`, `[1,2]`, `{"a":1,"b":[true,false,null]}`, `"x"`, `1`, `null `, "  -0.0e+10\r\n",
	`{"{[,:]}":"{[,:]}"}`, `"\""`, `"\\"`, `["\\\"",1]`, `["\\","\\\\",{"\"":"\u005c"}]`, `{"a b" : "c  d\tе"}`, `[1.50,1e400,-0,100000000000000000001]`,
	`["\u202e",` + "\"\u202e\u2028\x7f\xff\"]", `[[],[[],{}],{"":[]}]`, "\t[\r\n1 ,\n2\t]", `["<&>"]`,
}

func TestIndent(t *testing.T) {
	for _, raw := range indentSamples {
		if got, want := Indent([]byte(raw), plenty), standard(t, []byte(raw)); got != want {
			t.Errorf("%s is set as %q, want %q", raw, got, want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b strings.Builder
		randomJSON(&b, r, maxIndent)
		raw := []byte(b.String())
		if got, want := Indent(raw, plenty), standard(t, raw); got != want {
			t.Fatalf("%s is set as %q, want %q", raw, got, want)
		}
	}
}

// randomJSON writes a value of at most depth levels, with blanks in all places.
func randomJSON(b *strings.Builder, r *rand.Rand, depth int) {
	blank := func() { b.WriteString([]string{"", "", " ", "\n", "\t\r "}[r.IntN(5)]) }
	text := func() {
		b.WriteByte('"')
		for range r.IntN(4) {
			b.WriteString([]string{`\"`, `\\`, `\n`, `\u00e9`, "é", "{", "}", "[", "]", ",", ":", " ", "a", "/", "\u202e"}[r.IntN(15)])
		}
		b.WriteByte('"')
	}
	blank()
	defer blank()
	kind := r.IntN(4)
	if depth == 0 {
		kind = r.IntN(2)
	}
	switch kind {
	case 0:
		text()
	case 1:
		b.WriteString([]string{"0", "-1.50", "1E+400", "true", "false", "null"}[r.IntN(6)])
	default:
		open, shut := "[", "]"
		if kind == 3 {
			open, shut = "{", "}"
		}
		b.WriteString(open)
		blank()
		for i := range r.IntN(4) {
			if i > 0 {
				b.WriteByte(',')
			}
			if kind == 3 {
				blank()
				text()
				blank()
				b.WriteByte(':')
			}
			randomJSON(b, r, depth-1)
		}
		b.WriteString(shut)
	}
}

// Levels past the last that is indented stand where it does; nothing but blanks
// is left out.
func TestIndentOfDeepPayloads(t *testing.T) {
	const deep = 3
	raw := strings.Repeat("[", maxIndent+deep) + strings.Repeat("]", maxIndent+deep)
	var want []string
	for _, l := range strings.Split(standard(t, []byte(raw)), "\n") {
		blanks := min(len(l)-len(strings.TrimLeft(l, " ")), 2*maxIndent)
		want = append(want, strings.Repeat(" ", blanks)+strings.TrimLeft(l, " "))
	}
	if got := Indent([]byte(raw), plenty); got != strings.Join(want, "\n") {
		t.Errorf("%s\nwant %s", got, strings.Join(want, "\n"))
	}
}

// What is shown is what would be shown of the whole, whatever the budget is.
func TestIndentForABudget(t *testing.T) {
	for _, raw := range append(indentSamples,
		`["`+strings.Repeat("x", 10_000)+`"]`, `["`+strings.Repeat("é", 10_000)+`"]`, `["`+strings.Repeat("\u202e", 10_000)+`"]`,
		`[`+strings.Repeat(`{"a":[]},`, 2_000)+`1]`, `[1`+strings.Repeat(" ", 10_000)+`]`, `[1]`+strings.Repeat("\n", 10_000),
	) {
		whole := standard(t, []byte(raw))
		for budget := range 80 {
			got, cut := Clean(Indent([]byte(raw), budget), budget)
			if want, wantCut := Clean(whole, budget); got != want || cut != wantCut {
				t.Fatalf("%.80q in %d: %q, %t\nwant %q, %t", raw, budget, got, cut, want, wantCut)
			}
		}
	}
}

// A payload costs what can be shown of it, and not what it would be if all of it
// was set: of the last of these, 10 GB.
func TestIndentIsBounded(t *testing.T) {
	const budget, most, allowed = 3000, 64 * 3000, 2 << 20
	nested := func(open, in, shut string, depth int) string {
		return strings.Repeat(open, depth) + in + strings.Repeat(shut, depth)
	}
	for name, raw := range map[string]string{
		"deep":                       nested("[", "", "]", 9_890),
		"deep objects":               nested(`{"a":`, "1", "}", 9_890),
		"deep objects of long names": nested(`{"`+strings.Repeat("a", 90)+`":`, "1", "}", 9_890),
		"siblings at the bottom":     nested("[", strings.Repeat("1,", 48_000)+"1", "]", 2_000),
		"many of them":               nested("[", strings.Repeat("1,", 520_000)+"1", "]", 200),
		"a string":                   `["` + strings.Repeat("x", 1<<20) + `"]`,
		"blanks":                     "[" + strings.Repeat(" ", 1<<20) + "]",
		"blanks after it":            "[]" + strings.Repeat(" ", 1<<20),
		"flat":                       "[" + strings.Repeat("[],", 350_000) + "1]",
		"deep and 1 MiB":             nested("[", strings.Repeat("1,", 510_000)+"1", "]", 9_890),
	} {
		if !json.Valid([]byte(raw)) {
			t.Fatalf("%s is not JSON", name)
		}
		payload, text := []byte(raw), ""
		spent := allocated(func() { text = Indent(payload, budget) })
		if len(text) > most+100 || spent > allowed {
			t.Errorf("%s: %d bytes of text, %d allocated", name, len(text), spent)
		}
	}
}

// allocated is how many bytes f allocates; others in this process count too.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzIndent(f *testing.F) {
	for _, s := range indentSamples {
		f.Add([]byte(s), 9)
	}
	f.Add([]byte("]]}\"\\"), 1)
	f.Fuzz(func(t *testing.T, raw []byte, budget int) {
		budget = min(budget, plenty)
		text := Indent(raw, budget)
		if most := inView(budget) + 100; len(text) > most {
			t.Errorf("%d bytes of text where %d are looked at", len(text), inView(budget))
		}
		if !json.Valid(raw) || depth(raw) > maxIndent {
			return
		}
		got, cut := Clean(text, budget)
		if want, wantCut := Clean(standard(t, raw), budget); got != want || cut != wantCut {
			t.Errorf("%q in %d: %q, %t; want %q, %t", raw, budget, got, cut, want, wantCut)
		}
	})
}

// depth is an upper bound: brackets in strings count.
func depth(raw []byte) int {
	return bytes.Count(raw, []byte("[")) + bytes.Count(raw, []byte("{"))
}

func BenchmarkIndent(b *testing.B) {
	for _, depth := range []int{10, 200, 2_000, 9_890} {
		raw := []byte(strings.Repeat("[", depth) + strings.Repeat("1,", 48_000) + "1" + strings.Repeat("]", depth))
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Indent(raw, 3000)
			}
		})
	}
}
