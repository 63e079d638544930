package handlebars

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"accessrelay/internal/event"
)

// worst are the templates and events that cost most, each of an event of a
// mebibyte. Some end with an error: what counts is when.
func worst() []struct {
	name, text string
	as         Dialect
	ev         *event.Event
} {
	const mib = 1 << 20
	raw := func(s string) *event.Event {
		ev := fullSample()
		ev.Raw = json.RawMessage(s)
		return ev
	}
	reason := func(s string) *event.Event {
		ev := fullSample()
		ev.Request.Reason = s
		return ev
	}
	long := func(open, item, closing string) string {
		return open + strings.Repeat(item+",", mib/(len(item)+1)) + item + closing
	}
	ones := raw(`{"list":` + long("[", "1", "]") + `}`)
	twenty := raw(`{"list":[` + strings.Repeat("1,", 19) + `1]}`)
	var members strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&members, `"k%d":"v\n",`, i)
	}
	object := raw(`{"o":{` + members.String() + `"z":1}}`)
	manyAccess := fullSample()
	for range 20_000 {
		manyAccess.Access = append(manyAccess.Access, manyAccess.Access[0])
	}
	deep := raw(`{"a":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000) + `,"pad":"` + strings.Repeat("x", mib) + `"}`)
	escapes := reason(strings.Repeat("\"\n", mib/4))
	items := func(n int) string { return `"list":[` + strings.Repeat("1,", n-1) + `1]` }
	approved := raw(`{` + items(3001) + `}`)
	for range 20_000 {
		approved.Approvals = append(approved.Approvals, event.Approval{Status: "approved", Approver: &event.Person{Name: "x"}})
	}
	longNames := fullSample()
	longNames.Access = longNames.Access[:1]
	setTexts(reflect.ValueOf(longNames).Elem(), strings.Repeat("漢 ", mib/100))
	longNames.Type = event.RequestApproved
	key := strings.Repeat("k", 60_000)
	var longKeys strings.Builder
	for i := range 15 {
		fmt.Fprintf(&longKeys, `"%s%d":1,`, key, i+10)
	}
	keys := raw(`{"o":{` + longKeys.String() + `"z":1},` + items(50_000) + `}`)
	each := func(s string) string { return `{{#each raw.list}}` + s + `{{/each}}` }
	return []struct {
		name, text string
		as         Dialect
		ev         *event.Event
	}{
		{"three loops over a long list", `{{#each raw.list}}{{#each @root.raw.list}}{{#each @root.raw.list}}{{this}}{{/each}}{{/each}}{{/each}}`, Text, ones},
		{"three loops over 20 items", `{{#each raw.list}}{{#each @root.raw.list}}{{#each @root.raw.list}}{{this}}{{/each}}{{/each}}{{/each}}`, Text, twenty},
		{"three loops over 45 items", `{{#each raw.list}}{{#each @root.raw.list}}{{#each @root.raw.list}}{{this}}{{/each}}{{/each}}{{/each}}`, Text, raw(`{"list":[` + strings.Repeat("1,", 44) + `1]}`)},
		{"a loop over a long list", `{{#each raw.list}}{{this}}{{/each}}`, Text, ones},
		{"its length", `{{raw.list.length}}`, Text, ones},
		{"a loop over a large object", `{{#each raw.o}}{{@key}}{{this}}{{/each}}`, Text, object},
		{"many keys of a large object", strings.Repeat(`{{raw.o.k5}}{{raw.o.z}}`, 2800), Text, object},
		{"accesses", `[{{#each access}}{{json resource.name}}{{#unless @last}},{{/unless}}{{/each}}]`, JSON, manyAccess},
		{"joined accesses", `{{json (join access ", " "resource.name")}}`, JSON, manyAccess},
		{"a deep path", strings.Repeat(`{{raw`+strings.Repeat(".a", 30)+`}}`, 600), Text, deep},
		{"whole event, whole", `{{json this}}`, JSON, object},
		{"whole event as text", `"{{json this}}"`, JSON, object},
		{"whole event, often", strings.Repeat(`{{json this}}`, 1000), Text, object},
		{"escapes in JSON", `"{{request.reason}}"`, JSON, escapes},
		{"escapes in JSON text", `"{{json request}}"`, JSON, escapes},
		{"escapes in HTML", strings.Repeat(`{{request.reason}}`, 50), HTML, escapes},
		{"escapes in Slack", strings.Repeat(`{{request.reason}}`, 50), SlackText, escapes},
		{"upper", strings.Repeat(`{{#if (eq (upper request.reason) "x")}}{{/if}}`, 1400), Text, reason(strings.Repeat("ö", mib/2))},
		{"contains", strings.Repeat(`{{#if (contains request.reason "aaaaaaaaab")}}{{/if}}`, 1200), Text, reason(strings.Repeat("a", mib))},
		{"eq of long texts", strings.Repeat(`{{#if (eq request.reason requester.name)}}{{/if}}`, 1300), Text, func() *event.Event {
			ev := reason(strings.Repeat("a", mib))
			ev.Requester.Name = strings.Repeat("a", mib-1) + "b"
			return ev
		}()},
		{"truncate", strings.Repeat(`{{truncate request.reason 1000000}}`, 1800), Text, reason(strings.Repeat("ö", mib/2))},
		{"JSON of a long list", strings.Repeat(`{{#if (json raw)}}{{/if}}`, 2500), Text, ones},
		{"literal text in a loop", `[{{#each access}}"` + strings.Repeat(`{}[],:\n`, 500) + `"{{#unless @last}},{{/unless}}{{/each}}]`, JSON, manyAccess},
		{"markdown", strings.Repeat(`{{markdown request.reason}}`, 200), Text, reason(strings.Repeat("*", mib))},
		{"html", strings.Repeat(`{{#if (html request.reason)}}{{/if}}`, 200), Text, reason(strings.Repeat("<", mib))},
		{"facts", strings.Repeat(`{{#each (facts)}}{{value}}{{/each}}`, 500), Text, reason(strings.Repeat("a", mib))},
		{"link", strings.Repeat(`{{link}}`, 7000), Text, fullSample()},
		{"summary", strings.Repeat(`{{summary}}`, 3500), Text, manyAccess},
		{"summary in a loop", each(`{{summary}}`), Text, approved},
		{"facts in a loop", each(strings.Repeat(`{{#if (facts)}}{{/if}}`, 100)), Text, longNames},
		{"facts of long names", strings.Repeat(`{{#if (facts)}}{{/if}}`, 701), Text, longNames},
		{"JSON of many approvals", each(`{{#if (json @root.approvals)}}{{/if}}`), Text, approved},
		{"a string of escapes, deep", strings.Repeat(`{{raw`+strings.Repeat(".a", 30)+`}}`, 600), Text, raw(strings.Repeat(`{"a":`, 40) + `"` + strings.Repeat(`\n`, mib/2) + `"` + strings.Repeat("}", 40))},
		{"a long zero", strings.Repeat(`{{#if raw.n}}{{/if}}`, 3000), Text, raw(`{"n":0.` + strings.Repeat("0", mib) + `}`)},
		{"a long length", strings.Repeat(`{{truncate "x" raw.n}}`, 2800), Text, raw(`{"n":1` + strings.Repeat("0", mib) + `}`)},
		{"long keys", each(`{{@root.raw.o.[` + key + `xx]}}`), Text, keys},
		{"a long number of an item", strings.Repeat(`{{lookup access request.reason}}`, 2000), Text, reason(strings.Repeat("1", mib))},
		{"times", each(strings.Repeat(`{{epoch "2026-01-02T15:04:05.999999999+07:00" 9}}`, 100)), Text, approved},
		{"what is no time", each(strings.Repeat(`{{epoch_ms "2026-01-02T15:04:05.999999999+07:0x"}}`, 100)), Text, approved},
		{"a long path of join", each(`{{join @root.raw.list "" "` + strings.Repeat("a.", 31) + `a"}}`), Text, approved},
		{"paths as arguments", each(`{{#if (or @root.raw.none @root.raw.a.b.c @first @last @index @first @last @first)}}{{/if}}`), Text, keys},
		{"literal lines", each(strings.Repeat("ü", 27_000)), Line, raw(`{` + items(70) + `}`)},
		{"literal Slack", each(strings.Repeat("<ü", 18_000)), SlackText, raw(`{` + items(70) + `}`)},
		{"literal HTML", each(strings.Repeat(`<a href="`, 6000)), HTML, raw(`{` + items(70) + `}`)},
		{"addresses", each(strings.Repeat(`<a href="{{@root.request.reason}}">`, 10)), HTML, func() *event.Event {
			ev := raw(`{` + items(3000) + `}`)
			ev.Request.Reason = strings.Repeat("\t", 1000)
			return ev
		}()},
		{"escapes in a form", strings.Repeat(`{{request.reason}}`, 50), Form, reason(strings.Repeat("\n", mib/4))},
		{"first", strings.Repeat(`{{#each (first raw.list 1)}}{{/each}}`, 1700), Text, raw(`{"list":` + long("[", `"abcdefghijklmnopqrstuvwxyz"`, "]") + `}`)},
	}
}

func BenchmarkWorst(b *testing.B) {
	for _, w := range worst() {
		t, err := parse(w.text, w.as, eventType)
		if err != nil {
			b.Fatalf("%s: %v", w.name, err)
		}
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			start := processorTime(b)
			for b.Loop() {
				_, err = t.Execute(w.ev)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric((processorTime(b)-start).Seconds()*1000/float64(b.N), "cpu-ms/op")
			if err != nil {
				b.Logf("%.120s", err)
			}
		})
	}
}

// processorTime is what the process has used so far, collecting garbage included:
// unlike the time that passes it is the same on a busy machine.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkTypical(b *testing.B) {
	t, err := Parse(`{"text": "{{summary}}", "reason": {{json request.reason}}, "who": "{{requester.name}} <{{requester.email}}>",
 "access": [{{#each access}}{"on": {{resource.name}}, "may": {{permission.name}}}{{#unless @last}},{{/unless}}{{/each}}], "at": {{epoch (default occurred_at received_at)}} }`, JSON)
	if err != nil {
		b.Fatal(err)
	}
	ev := fullSample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Execute(ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := `{"text": "{{summary}}", "reason": {{json request.reason}}, "access": [{{#each access}}{{json this}}{{#unless @last}},{{/unless}}{{/each}}]}`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, JSON); err != nil {
			b.Fatal(err)
		}
	}
}
