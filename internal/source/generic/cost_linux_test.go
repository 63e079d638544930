package generic

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"accessrelay/internal/source"
)

const mebibyte = 1 << 20

// hostile are bodies of about that size made to cost as much as a body can.
func hostile(size int) map[string][]byte {
	levels := min(9800, size/20)
	fill := func(left int, part string) string { return strings.Repeat(part, max(0, left)/len(part)) }
	return map[string][]byte{
		"flat":     []byte(`{` + fill(size, `"a":1,`) + `"z":1}`),
		"names":    []byte(`{"n":{` + uniqueMembers(size/12) + `}}`),
		"list":     []byte(`{"a":[` + fill(size, `0,`) + `0]}`),
		"deep":     []byte(strings.Repeat(`{"a":`, levels) + `[` + fill(size-6*levels, `1,`) + `1]` + strings.Repeat(`}`, levels)),
		"shadowed": []byte(strings.Repeat(`{"a":`, levels) + `[` + fill(size-19*levels, `"x",`) + `1]` + strings.Repeat(`,"b":"x","a":0}`, levels)),
		"lists":    []byte(`{"a":` + strings.Repeat(`[0,`, levels) + `[` + fill(size-4*levels, `{},`) + `{}]` + strings.Repeat(`]`, levels) + `}`),
		"text":     []byte(`{"a":"` + fill(size, `\\\"`) + `"}`),
		"escapes":  []byte(`{` + fill(size, `"\u0061":1,`) + `"z":1}`),
		"blanks":   []byte(`{` + fill(size, " ") + `"a":1 }`),
	}
}

func uniqueMembers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"`)
		for d := 1; d <= 100000; d *= 10 {
			b.WriteByte(byte('a' + i/d%10))
		}
		b.WriteString(`":""`)
	}
	return b.String()
}

// usual are paths as people write them, costly those with the most states, at most places.
func usual() []string { return []string{"$.kind", "$..kind", "$..*", "$..a..a..a..a"} }

func costly() []string {
	return []string{
		"$" + strings.Repeat("..*", maxSelectors), "$" + strings.Repeat("..a", maxSelectors), "$" + strings.Repeat(".a", maxSelectors),
		"$.a" + strings.Repeat("[-1]", maxSelectors-1), "$..['" + strings.Repeat("a','", maxSelectors-1) + "b']",
	}
}

// No path makes more than linear work of any body. What is compared is the time
// that this thread computes, so that others on the machine do not count, with that of
// the check that every body has to pass before. The costliest path takes some twenty
// times as long as that; a step that is not linear takes thousands of times, since
// these bodies have thousands of levels, members and elements.
func TestNothingIsExpensive(t *testing.T) {
	const bound, tries = 64, 3
	const enough = 30 * time.Millisecond // the system may count in steps of some milliseconds
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took := func(f func()) time.Duration {
		start := computed(t)
		f()
		return computed(t) - start
	}
	for name, body := range hostile(mebibyte / 16) {
		check := func() {
			if err := source.Envelope(body); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var all, passes time.Duration
		for ; all < enough; passes++ {
			all += took(check)
		}
		once := all / passes
		for _, text := range costly() {
			p, err := parsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			find := func() { p.find(body) }
			best := took(find)
			for i := 0; i < tries && best > bound*once; i++ {
				best = min(best, took(find))
			}
			if best > bound*once {
				t.Errorf("%.40s in %s took %v, the check takes %v", text, name, best, once)
			}
		}
	}
}

// computed is how long this thread has computed.
func computed(t *testing.T) time.Duration {
	t.Helper()
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkFind(b *testing.B) {
	for _, text := range append(usual(), costly()...) {
		p, err := parsePath(text)
		if err != nil {
			b.Fatal(err)
		}
		for name, body := range hostile(mebibyte) {
			b.Run(fmt.Sprintf("%.12s-%d/%s", text, len(p.segments), name), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					p.find(body)
				}
			})
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	p := configured(b, asIfConfigured())
	body := p.Samples()[0].Body("1")
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Check(body); err != nil {
			b.Fatal(err)
		}
	}
}
