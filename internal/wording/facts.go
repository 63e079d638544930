package wording

import (
	"fmt"
	"net/url"
	"strings"

	"accessrelay/internal/event"
)

// maxLink is longer than any link that somebody follows from a message.
const maxLink = 1000

// Fact is a short thing to know of an event.
type Fact struct {
	Label string // ours: "Requested by"
	Value string // set in the style asked for, one line, never empty
}

// Facts are who, what and until when, in this order; at most ten. Each value is
// at most budget wide, and a little for brackets.
func Facts(ev *event.Event, st Style, budget int) []Fact {
	var out []Fact
	add := func(label, value string) {
		if value != "" {
			out = append(out, Fact{label, value})
		}
	}
	described := func(name, more string) string { return st.described(name, more, budget) }
	person := func(p *event.Person) string {
		if p == nil {
			return ""
		}
		return described(p.Label(), p.Email)
	}
	requester, grantee := person(ev.Requester), person(ev.Grantee)
	if requester == grantee {
		grantee = ""
	}
	add("Requested by", requester)
	add(granteeLabel(ev.Type), grantee)
	if len(ev.Access) == 1 {
		a := ev.Access[0]
		if r := a.Resource; r != nil {
			if name := firstOf(r.Name, r.Path, r.ID); name != "" {
				add(resourceLabel(ev.Type), described(name, firstOf(r.Type, r.Path)))
			} else { // P0 names no resource: its permission does
				add("Kind of access", st.Line(r.Type, budget))
			}
		}
		if p := a.Permission; p != nil {
			add("Permission", described(firstOf(p.Name, p.ID), p.Description))
		}
		if i := a.Integration; i != nil {
			add("System", described(firstOf(i.Name, i.ID), i.Type))
		}
	}
	if w := ev.Window; w != nil {
		add("From", st.Moment(w.StartsAt))
		add(untilLabel(ev.Type), st.Moment(w.EndsAt))
	}
	if r := ev.Request; r != nil {
		add("Request", st.Line(firstOf(r.DisplayID, r.ID), budget))
	}
	return out
}

// described is "name (more)", or either of them.
func (st Style) described(name, more string, budget int) string {
	name, more = st.Line(name, budget/2), st.Line(more, budget/2)
	switch {
	case name == "":
		return more
	case more == "" || more == name:
		return name
	}
	return name + " (" + more + ")"
}

func granteeLabel(t event.Type) string {
	switch t {
	case event.UserCreated, event.UserInvited, event.UserRoleAssigned:
		return "User"
	default:
		return "For"
	}
}

func resourceLabel(t event.Type) string {
	if t == event.ChannelDisabled {
		return "Channel"
	}
	return "Resource"
}

func untilLabel(t event.Type) string {
	switch t {
	case event.GrantExpired, event.PreapprovalExpired:
		return "Ended"
	case event.GrantRevoked:
		return "Was to end"
	default:
		return "Until"
	}
}

// List is a fact that has several lines.
type List struct {
	Label string
	Rows  []string // set in the style asked for, one line each, never empty
	More  int      // how many were left out
}

// Accesses are what a request bundles, the first most of them, at most budget
// wide each. No rows if it is about one thing or none.
func Accesses(ev *event.Event, st Style, budget, most int) List {
	if len(ev.Access) < 2 { // a single access stands in the facts
		return List{}
	}
	return list("Access", len(ev.Access), most, func(i int) string {
		permission, resource, integration := labels(ev.Access[i])
		row := permission
		if resource != "" && row != "" {
			row += " on "
		}
		row += resource
		if integration != "" {
			row += " (" + integration + ")"
		}
		return st.Line(row, budget)
	})
}

// Approvals are who has decided so far, the first most of them, at most budget
// wide each. No rows if there is nobody.
func Approvals(ev *event.Event, st Style, budget, most int) List {
	return list("Approvals", len(ev.Approvals), most, func(i int) string {
		a := ev.Approvals[i]
		row := verdict(a.Status)
		if who := a.Approver.Label(); who != "" {
			row += " by " + who
		}
		if a.Name != "" {
			row += " (" + a.Name + ")"
		}
		if a.Comment != "" {
			row += ": " + a.Comment
		}
		return st.Line(row, budget)
	})
}

// list has n rows, of which the first few are asked for.
func list(label string, n, most int, row func(int) string) List {
	out := List{Label: label, More: max(n-most, 0)}
	for i := range min(n, most) {
		if r := row(i); r != "" {
			out.Rows = append(out.Rows, r)
		}
	}
	return out
}

// verdict is a decision's status, as platforms spell it, in words.
func verdict(status string) string {
	switch strings.ToLower(status) {
	case "approved":
		return "Approved"
	case "denied", "rejected":
		return "Denied"
	case "pending":
		return "Not decided yet"
	case "":
		return "Decision"
	}
	return status
}

// Reason is what the requester gave as the reason, as it came: not safe to show.
func Reason(ev *event.Event) string {
	if ev.Request == nil {
		return ""
	}
	return ev.Request.Reason
}

// Failure is what went wrong on the platform's side, as it came: not safe to show.
func Failure(ev *event.Event) string {
	if ev.Error == nil {
		return ""
	}
	parts := make([]string, 0, 3)
	for _, s := range []string{ev.Error.Type, ev.Error.Message} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, ": ")
	if ev.Error.ID != "" {
		s = strings.TrimSpace(s + " (" + ev.Error.ID + ")")
	}
	return s
}

// Link is the request's address on its platform if somebody may be invited to
// follow it: absolute, http or https, with no user name to disguise the host,
// printable ASCII without blanks, at most 1,000 bytes. "" if there is none.
func Link(ev *event.Event) string {
	if ev.Request == nil || len(ev.Request.URL) > maxLink {
		return ""
	}
	u, err := url.Parse(ev.Request.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil {
		return ""
	}
	address := strings.ReplaceAll(u.String(), " ", "%20") // of a query: the rest has been escaped
	if len(address) > maxLink || strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return address
}

// Origin tells where the event comes from, for whoever has to look for it: its
// platform, source, the platform's own name for it, its id and its time. Each
// is at most budget wide. There may be nothing.
func Origin(ev *event.Event, st Style, budget int) []string {
	var parts []string
	for _, s := range []string{ev.Platform, ev.Source, ev.PlatformEvent, ev.ID} {
		if s = st.Line(s, budget); s != "" {
			parts = append(parts, s)
		}
	}
	if at := st.Moment(ev.At()); at != "" {
		parts = append(parts, at)
	}
	return parts
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
