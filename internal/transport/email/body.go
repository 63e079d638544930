package email

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/wording"
)

// Budgets, in characters. All of them together stay below what mail programs
// clip (Gmail: 102 KB of HTML), in any script.
const (
	factBudget   = 220
	rowBudget    = 200
	listRows     = 10
	reasonBudget = 2000
	errorBudget  = 1000
	quoteLines   = 40
	rawBudget    = 3000
	originBudget = 100
)

const truncated = "… truncated"

// view is what a mail shows of an event. Its texts are safe as text, in one line
// where it is not said otherwise, and short; they are not escaped for HTML.
type view struct {
	Emoji    string
	Title    string
	Sentence string
	Color    template.CSS // of the bar above
	Facts    []wording.Fact
	Lists    []wording.List // those before the quotes, then those after
	Quotes   []quote
	After    []wording.List
	Raw      string // several lines, or empty
	Link     string // an http(s) address, or empty
	Origin   []string
}

type quote struct {
	Label string
	Lines []string
}

func look(ev *event.Event) view {
	v := view{
		Sentence: wording.Sentence(ev, wording.Plain),
		Color:    color(ev.Type),
		Facts:    wording.Facts(ev, wording.Plain, factBudget),
		Link:     wording.Link(ev),
		Origin:   wording.Origin(ev, wording.Plain, originBudget),
	}
	v.Emoji, v.Title = wording.Title(ev.Type)
	if l := wording.Accesses(ev, wording.Plain, rowBudget, listRows); len(l.Rows) > 0 {
		v.Lists = append(v.Lists, l)
	}
	if l := wording.Approvals(ev, wording.Plain, rowBudget, listRows); len(l.Rows) > 0 {
		v.After = append(v.After, l)
	}
	v.quote("Reason", wording.Reason(ev), reasonBudget)
	v.quote("Error", wording.Failure(ev), errorBudget)
	if ev.Type == event.Unrecognized && len(ev.Raw) > 0 {
		s, cut := wording.Clean(wording.Indent(ev.Raw, rawBudget), rawBudget)
		v.Raw = wording.Plain.Fit(s, rawBudget, truncated, cut)
	}
	return v
}

func (v *view) quote(label, s string, budget int) {
	keep, cut := wording.Lines(s, budget, quoteLines)
	if len(keep) == 0 {
		return
	}
	s = wording.Plain.Fit(strings.Join(keep, "\n"), budget, truncated, cut)
	v.Quotes = append(v.Quotes, quote{label, strings.Split(s, "\n")})
}

// color tells at a glance what is urgent, what is waited for, and what is well.
// The words say the same for whoever does not see it.
func color(t event.Type) template.CSS {
	switch t {
	case event.RequestBreakGlass, event.RequestFailed, event.GrantFailed, event.ChannelDisabled:
		return "#c62828"
	case event.RequestPending, event.OperationPending, event.GrantExpiringSoon:
		return "#b26a00"
	case event.RequestApproved, event.GrantActive, event.OperationApproved, event.PreapprovalCreated:
		return "#2e7d32"
	default:
		return "#5f6771"
	}
}

//go:embed body.html
var bodyHTML string

var bodyTemplate = template.Must(template.New("body").Parse(bodyHTML))

// html writes v for mail programs: one column, styles inline, nothing to load.
// The template escapes every text for where it stands.
func (v *view) html() (string, error) {
	var b strings.Builder
	if err := bodyTemplate.Execute(&b, v); err != nil {
		return "", fmt.Errorf("writing the HTML: %w", err)
	}
	return b.String(), nil
}

// text writes v for everybody else.
func (v *view) text() string {
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	lists := func(ls []wording.List) {
		for _, l := range ls {
			line()
			line(l.Label, ":")
			for _, r := range l.Rows {
				line("- ", r)
			}
			if l.More > 0 {
				line(fmt.Sprintf("%s: %d more", truncated, l.More))
			}
		}
	}
	line(v.Emoji, " ", v.Title)
	line()
	line(v.Sentence)
	if len(v.Facts) > 0 {
		line()
	}
	for _, f := range v.Facts {
		line(f.Label, ": ", f.Value)
	}
	lists(v.Lists)
	for _, q := range v.Quotes {
		line()
		line(q.Label, ":")
		for _, l := range q.Lines {
			line("> ", l)
		}
	}
	lists(v.After)
	if v.Raw != "" {
		line()
		line("What the platform sent:")
		line(v.Raw)
	}
	if v.Link != "" {
		line()
		line("Open the request: ", v.Link)
	}
	line()
	line("-- ")
	if len(v.Origin) > 0 {
		line(strings.Join(v.Origin, " · "))
	}
	line("Sent by accessrelay.")
	return b.String()
}
