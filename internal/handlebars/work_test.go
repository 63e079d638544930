package handlebars

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
)

// boundedly executes text for ev and holds that it neither takes nor allocates
// more than a few times what was measured. The time is far above, for slow machines
// and -race: what forgot to count took minutes.
func boundedly(t *testing.T, name, text string, as Dialect, ev *event.Event) []byte {
	t.Helper()
	tmpl, err := parse(text, as, eventType)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(t)
	out, spent, _ := tmpl.executeWithin(maxWork, eventValue(ev), ev.Raw, ev)
	took := processorTime(t) - start
	runtime.ReadMemStats(&after)
	if objects, bytes := after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc; objects > 2*maxWork || bytes > 96<<20 {
		t.Errorf("%s allocates %d objects, %d bytes, for %d steps", name, objects, bytes, spent)
	}
	if took > 2*time.Second {
		t.Errorf("%s took %v for %d steps", name, took, spent)
	}
	return out
}

func TestWorstIsBounded(t *testing.T) {
	for _, w := range worst() {
		out := boundedly(t, w.name, w.text, w.as, w.ev)
		if len(out) > 0 && w.as == JSON && !json.Valid(out) {
			t.Errorf("%s is not JSON", w.name)
		}
	}
}

// Every helper there is, with whatever is long, in a loop: a new one that does not
// count is found here.
func TestEveryHelperIsBounded(t *testing.T) {
	const part = 1 << 18 // a quarter of an event
	ev := fullSample()
	ev.Type = event.RequestApproved
	ev.Request.Reason = strings.Repeat("*\n", part/2)
	ev.Raw = json.RawMessage(fmt.Sprintf(`{"l":[%s1],"n":0.%s,"o":{"k":"%s"}}`,
		strings.Repeat("1,", 3000), strings.Repeat("0", part), strings.Repeat(`\n`, part/2)))
	for range 5000 {
		ev.Approvals = append(ev.Approvals, event.Approval{Status: "approved", Approver: &event.Person{Name: "Approver"}})
	}
	for id, h := range helpers {
		for _, long := range []string{"@root.request.reason", "@root.raw.l", "@root.raw.n", "@root.raw.o", "@root.approvals"} {
			args := ""
			for i := range h.min {
				if i == 1 && (id == "first" || id == "truncate") { // a number of the template
					args += " 100000"
				} else {
					args += " " + long
				}
			}
			name := fmt.Sprintf("(%s%s) in a loop", id, args)
			boundedly(t, name, fmt.Sprintf(`{{#each raw.l}}{{#if (%s%s)}}{{/if}}{{/each}}`, id, args), Text, ev)
			if h.min == 0 {
				break
			}
		}
	}
}

// What hangs on the event alone is made once, however often it is asked for.
func TestWordsAreMadeOnce(t *testing.T) {
	ev := fullSample()
	ev.Type = event.RequestApproved
	for range 1000 {
		ev.Approvals = append(ev.Approvals, ev.Approvals[0])
	}
	for _, ask := range []string{`{{#if (summary)}}{{/if}}`, `{{#if (facts)}}{{/if}}`, `{{#if (link)}}{{/if}}`} {
		allocs := func(times int) float64 {
			tmpl, err := parse(strings.Repeat(ask, times), Text, eventType)
			if err != nil {
				t.Fatal(err)
			}
			return testing.AllocsPerRun(10, func() {
				if _, err := tmpl.Execute(ev); err != nil {
					t.Fatal(err)
				}
			})
		}
		if once, often := allocs(1), allocs(1001); often-once > 1000 {
			t.Errorf("%s allocates %v times, a thousand more of it %v", ask, once, often-once)
		}
	}
}

// A save is no more work than one execution may be, whatever the template: it
// happens in the process that webhooks come into.
func TestSavingIsBounded(t *testing.T) {
	loops := func(s string) string {
		return `{{#each access}}{{#each ../approvals}}{{#each ../../access}}` + s + `{{/each}}{{/each}}{{/each}}`
	}
	for name, text := range map[string]string{
		"tags":     loops(strings.Repeat(`{{@root.request.reason}}`, 2600)),
		"facts":    loops(strings.Repeat(`{{#if (facts)}}{{summary}}{{/if}}`, 1500)),
		"JSON":     strings.Repeat(`{{json this}}`, 5000),
		"literals": loops(strings.Repeat("x", 60_000)),
	} {
		for _, as := range []Dialect{Text, SlackText, HTML} {
			start := processorTime(t)
			_, err := Parse(text, as)
			if took := processorTime(t) - start; took > 2*time.Second {
				t.Errorf("%s took %v", name, took)
			}
			if err == nil || !strings.Contains(err.Error(), "the template is too much work: for the") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, text := range map[string]string{
		"comments": strings.Repeat(`{{!--~}}`, 8000), "others": strings.Repeat(`{{!----}}`, 7000), "short ones": strings.Repeat(`{{!}}`, 12_000),
	} {
		start := processorTime(t)
		if _, err := Parse(text, Text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := processorTime(t) - start; took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	// What fits into the most that a template may be, and is used once, is saved.
	if _, err := Parse(`"`+strings.Repeat("x", MaxTemplate-2)+`"`, JSON); err != nil {
		t.Errorf("a long template of literal text: %v", err)
	}
}
