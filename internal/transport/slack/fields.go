package slack

import (
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/event"
)

// fields are the facts in two columns: who, what, until when. At most ten.
func fields(ev *event.Event) []text {
	var out []text
	add := func(label, value string) {
		if value != "" {
			out = append(out, mrkdwn("*"+label+"*\n"+value))
		}
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
				add("Kind of access", line(r.Type, fieldBudget))
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
		add("From", moment(w.StartsAt))
		add(untilLabel(ev.Type), moment(w.EndsAt))
	}
	if r := ev.Request; r != nil {
		add("Request", line(firstOf(r.DisplayID, r.ID), fieldBudget))
	}
	return out
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

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return date(t)
}

// person is a name with the address behind it.
func person(p *event.Person) string {
	if p == nil {
		return ""
	}
	return described(p.Label(), p.Email)
}

// described is "name (more)", or either of them.
func described(name, more string) string {
	name, more = line(name, fieldBudget/2), line(more, fieldBudget/2)
	switch {
	case name == "":
		return more
	case more == "" || more == name:
		return name
	}
	return name + " (" + more + ")"
}

// accessList lists what a request bundles; a single access stands in the fields.
func accessList(ev *event.Event) []block {
	if len(ev.Access) < 2 {
		return nil
	}
	return list("Access", len(ev.Access), func(i int) string {
		permission, resource, integration := labels(ev.Access[i])
		row := permission
		if resource != "" && row != "" {
			row += " on "
		}
		row += resource
		if integration != "" {
			row += " (" + integration + ")"
		}
		return row
	})
}

func approvals(ev *event.Event) []block {
	return list("Approvals", len(ev.Approvals), func(i int) string {
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
		return row
	})
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

// list is a section with n rows, of which the first few are asked for.
func list(label string, n int, row func(int) string) []block {
	var rows []string
	for i := range min(n, listLines) {
		if r := line(row(i), listLineBudget); r != "" {
			rows = append(rows, "• "+r)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if n > listLines {
		rows = append(rows, fmt.Sprintf("%s: %d more", truncated, n-listLines))
	}
	return []block{section("*" + label + "*\n" + strings.Join(rows, "\n"))}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
