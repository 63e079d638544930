package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAPIPage makes the calls of docs/api.md from top to bottom, on a relay that
// was started as the README says. Each is answered with the status that the text
// behind it names, and with the keys that the page shows.
func TestAPIPage(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	for _, b := range blocks(readPage(t, readme)) {
		if b.section == "Run it for real" {
			for _, problem := range r.follow(b) {
				t.Fatalf("README.md:%d: %s", b.line, problem)
			}
		}
	}
	p := apiPage{reader: r, ids: map[string]string{}}
	calls, page := 0, blocks(readPage(t, "../../docs/api.md"))
	for i, b := range page {
		if b.lang != "sh" || b.section == "What hooks answer" { // there with a token that a reader has to have
			continue
		}
		calls++
		var shown block
		if i+1 < len(page) && page[i+1].lang == "json" && page[i+1].section == b.section {
			shown = page[i+1]
		}
		for _, problem := range p.call(b, shown) {
			t.Errorf("docs/api.md:%d (%s): %s", b.line, b.section, problem)
		}
	}
	if calls < 10 {
		t.Errorf("%d calls were found", calls)
	}
	if got := p.call(block{text: "api $API/v1/deliveries\n"}, block{text: `{"data":[],"next":null}`}); got == nil {
		t.Error("other keys than the page shows are not noticed")
	}
	if got := p.call(block{text: "api $API/v1/deliveries\n", after: "204 without a body."}, block{}); got == nil {
		t.Error("another status than the page names is not noticed")
	}
}

// apiPage makes a page's calls.
type apiPage struct {
	*reader
	ids  map[string]string // those on the page, and what stands for them here
	last string            // event
}

var (
	shownID     = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|evt_[0-9a-z]{26}`)
	namedStatus = regexp.MustCompile(`^(?:The answer is \*\*an empty )?([1-5][0-9]{2})\b`)
	eventHeader = regexp.MustCompile(`(?i)accessrelay-event-id: (evt_\w+)`)
)

// call makes the calls of a block, whose answer the page shows, or "".
func (p *apiPage) call(b, shown block) []string {
	p.t.Helper()
	script := shownID.ReplaceAllStringFunc(b.text, func(id string) string {
		switch here, known := p.ids[id]; {
		case known:
			return here
		case strings.HasPrefix(id, "evt_") && p.last != "":
			return p.last
		}
		return id
	})
	got := p.shell.run(p.addresses.Replace(script))
	problems := p.judge(script, got)
	if want := namedStatus.FindStringSubmatch(b.after); want != nil && (len(got.statuses) == 0 || fmt.Sprint(got.statuses[len(got.statuses)-1]) != want[1]) {
		problems = append(problems, fmt.Sprintf("was answered %v, not %s", got.statuses, want[1]))
	}
	if id := eventHeader.FindStringSubmatch(got.output); id != nil {
		p.last = id[1]
	}
	if shown.text == "" {
		return problems
	}
	want, answer := object(shown.text), map[string]any{}
	for line := range strings.Lines(got.output) {
		if o := object(line); o != nil && o["level"] == nil { // a log line has one
			answer = o
		}
	}
	if a, b := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(answer)); !slices.Equal(a, b) {
		problems = append(problems, fmt.Sprintf("the page shows the keys %v, the answer has %v", a, b))
	}
	if id, ok := answer["id"].(string); ok {
		p.ids[fmt.Sprint(want["id"])] = id
		if strings.HasPrefix(id, "evt_") {
			p.last = id
		}
	}
	return problems
}

// object reads a JSON object, nil if it is none.
func object(text string) map[string]any {
	var o map[string]any
	if json.Unmarshal([]byte(text), &o) != nil {
		return nil
	}
	return o
}
