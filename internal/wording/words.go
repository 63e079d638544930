// Package wording puts an event into words: a title, a sentence, and the facts
// in the order in which people ask for them. How a text is set (escaped, made
// short, in bold) is the [Style]'s business, so that a chat message, a mail and
// a subject line say the same. All functions are pure: the same event always
// gives the same words.
package wording

import (
	"strings"

	"accessrelay/internal/event"
)

// Title is what kind of event t is, in two to five words of ours, and a symbol
// for it. Types that are newer than this package have one too.
func Title(t event.Type) (emoji, title string) {
	w := wordsFor(t)
	return w.emoji, w.title
}

// Sentence says what happened in one line, set by st.
func Sentence(ev *event.Event, st Style) string {
	return sentence(wordsFor(ev.Type).say(facts{ev, st}))
}

// Headline is title and sentence in one line of plain text, for a place that
// has no room for more.
func Headline(ev *event.Event) string {
	_, title := Title(ev.Type)
	return title + ": " + Sentence(ev, Plain)
}

// sentence begins with a capital where it begins with words of ours; a name
// stays as it is.
func sentence(s string) string {
	for _, ours := range []string{"the ", "somebody ", "access to "} {
		if strings.HasPrefix(s, ours) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}

// words says what happened, to somebody who is on call and has never heard of
// the event types.
type words struct {
	emoji, title string
	say          func(facts) string
}

var wordsOf = map[event.Type]words{
	event.RequestPending: {"🙋", "Access requested", func(f facts) string {
		return f.requester() + " is asking for " + f.access() + f.onBehalf() + "."
	}},
	event.RequestApproved: {"✅", "Access request approved", func(f facts) string {
		return f.request() + " was approved" + f.by("approved") + "."
	}},
	event.RequestDenied: {"⛔", "Access request denied", func(f facts) string {
		return f.request() + " was denied" + f.by("denied") + "."
	}},
	event.RequestExpired: {"⌛", "Access request expired", func(f facts) string {
		return f.request() + " ran out before it was decided."
	}},
	event.RequestCancelled: {"↩️", "Access request cancelled", func(f facts) string {
		return f.request() + " was cancelled."
	}},
	event.RequestFailed: {"❌", "Access request failed", func(f facts) string {
		return f.request() + " failed."
	}},
	event.RequestBreakGlass: {"🚨", "Break-glass access", func(f facts) string {
		return f.requester() + " took " + f.access() + f.onBehalf() + " in an emergency, without waiting for approval."
	}},
	event.GrantActive: {"🔓", "Access granted", func(f facts) string {
		return f.grantee() + " now has " + f.access() + f.until(", until ") + "."
	}},
	event.GrantExpiringSoon: {"⏰", "Access ends soon", func(f facts) string {
		return f.grantee() + " will soon lose " + f.access() + f.until(": it ends ") + "."
	}},
	event.GrantExpired: {"🔒", "Access ended", func(f facts) string {
		return f.grantee() + " no longer has " + f.access() + ": the time was up."
	}},
	event.GrantRevoked: {"🔒", "Access revoked", func(f facts) string {
		return f.grantee() + " no longer has " + f.access() + ": it was revoked."
	}},
	event.GrantFailed: {"❌", "Access could not be granted", func(f facts) string {
		return f.grantee() + " was to get " + f.access() + ", but granting it failed."
	}},
	event.PreapprovalCreated: {"🗓️", "Access approved in advance", func(f facts) string {
		return f.grantee() + " can get " + f.access() + " without asking again" + f.until(", until ") + "."
	}},
	event.PreapprovalExpired: {"⌛", "Approval in advance ended", func(f facts) string {
		return f.grantee() + " has to ask for " + f.access() + " again: the approval in advance has ended."
	}},
	event.UserCreated: {"👤", "User created", func(f facts) string {
		return f.grantee() + " was added as a user" + f.with() + "."
	}},
	event.UserInvited: {"✉️", "User invited", func(f facts) string {
		return f.grantee() + " was invited" + f.with() + "."
	}},
	event.UserRoleAssigned: {"🏷️", "Role assigned", func(f facts) string {
		return f.grantee() + " was given " + f.accessOr("a role") + "."
	}},
	event.OperationPending: {"🙋", "Operation waits for approval", func(f facts) string {
		return f.requester() + " is asking to carry out an operation" + f.detail() + "."
	}},
	event.OperationApproved: {"✅", "Operation approved", func(f facts) string {
		return f.operation() + " was approved" + f.by("approved") + "."
	}},
	event.OperationDenied: {"⛔", "Operation denied", func(f facts) string {
		return f.operation() + " was denied" + f.by("denied") + "."
	}},
	event.OperationCancelled: {"↩️", "Operation cancelled", func(f facts) string {
		return f.operation() + " was cancelled."
	}},
	event.Unrecognized: {"❓", "Event not recognized", func(f facts) string {
		return "The platform sent an event that accessrelay has no words for" + f.platformEvent() + ". Its payload is below."
	}},
	event.Test: {"🔔", "Test message", func(facts) string {
		return "This is a test from accessrelay: notifications reach this channel."
	}},
	event.ChannelDisabled: {"🔕", "Notification channel switched off", func(f facts) string {
		return "accessrelay has switched off " + f.channel() + ". Events no longer reach it."
	}},
}

// wordsFor also serves types that are newer than this table.
func wordsFor(t event.Type) words {
	if w, ok := wordsOf[t]; ok {
		return w
	}
	return words{"ℹ️", "Access event", func(f facts) string { return "Event " + f.st.Line(string(t), nameBudget) + "." }}
}

// nameBudget bounds each name within a sentence.
const nameBudget = 60

// facts are an event's, made safe and short for a sentence.
type facts struct {
	ev *event.Event
	st Style
}

func (f facts) name(s string) string { return f.st.strong(f.st.Line(s, nameBudget)) }

func (f facts) person(ps ...*event.Person) string {
	for _, p := range ps {
		if l := f.name(p.Label()); l != "" {
			return l
		}
	}
	return "somebody"
}

func (f facts) requester() string { return f.person(f.ev.Requester, f.ev.Grantee) }
func (f facts) grantee() string   { return f.person(f.ev.Grantee, f.ev.Requester) }

// onBehalf names the grantee where that is another person than the requester.
func (f facts) onBehalf() string {
	if f.ev.Requester == nil || f.ev.Grantee == nil || *f.ev.Requester == *f.ev.Grantee || f.requester() == f.grantee() {
		return ""
	}
	return " for " + f.grantee()
}

func (f facts) request() string { return "the request by " + f.requester() + " for " + f.access() }
func (f facts) access() string  { return f.accessOr("access") }
func (f facts) operation() string {
	return "the operation that " + f.requester() + " asked for" + f.detail()
}

// detail says in brackets what an operation is about.
func (f facts) detail() string {
	if a := strings.TrimPrefix(f.accessOr(""), "access to "); a != "" {
		return " (" + a + ")"
	}
	return ""
}

func (f facts) with() string {
	if a := f.accessOr(""); a != "" {
		return ", with " + a
	}
	return ""
}

// accessOr says what the event is about, or otherwise if it does not tell.
func (f facts) accessOr(otherwise string) string {
	if len(f.ev.Access) == 0 {
		return otherwise
	}
	what := f.one(f.ev.Access[0])
	if what == "" {
		return otherwise
	}
	if n := len(f.ev.Access) - 1; n > 0 {
		what += " and " + count(n, "other thing")
	}
	return what
}

// one is "permission on resource", or as much of that as is known.
func (f facts) one(a event.Access) string {
	permission, resource, integration := labels(a)
	p, on := f.name(permission), f.name(resource)
	if on == "" {
		on = f.name(integration)
	}
	switch {
	case p != "" && on != "":
		return p + " on " + on
	case on != "":
		return "access to " + on
	default:
		return p
	}
}

func labels(a event.Access) (permission, resource, integration string) {
	if p := a.Permission; p != nil {
		permission = firstOf(p.Name, p.Description, p.ID)
	}
	if r := a.Resource; r != nil {
		resource = firstOf(r.Name, r.Path, r.ID)
	}
	if i := a.Integration; i != nil {
		integration = firstOf(i.Name, i.Type, i.ID)
	}
	return permission, resource, integration
}

// by names those who decided so: the first few. The others are only counted,
// because an event may have tens of thousands.
func (f facts) by(status string) string {
	const most = 3
	var who []string
	others, blank := 0, 0
	for _, a := range f.ev.Approvals {
		switch {
		case !strings.EqualFold(a.Status, status):
		case len(who) < most && blank < most:
			if l := f.name(a.Approver.Label()); l != "" {
				who = append(who, l)
			} else {
				blank++
			}
		case strings.TrimSpace(a.Approver.Label()) != "":
			others++
		}
	}
	switch n := len(who); {
	case n == 0 && others == 0:
		return ""
	case n == 0:
		return " by " + count(others, "person")
	case others > 0:
		return " by " + strings.Join(who, ", ") + " and " + count(others, "other")
	case n == 1:
		return " by " + who[0]
	default:
		return " by " + strings.Join(who[:n-1], ", ") + " and " + who[n-1]
	}
}

func (f facts) until(before string) string {
	if w := f.ev.Window; w != nil && !w.EndsAt.IsZero() {
		return before + f.st.Moment(w.EndsAt)
	}
	return ""
}

func (f facts) platformEvent() string {
	if s := f.st.Line(f.ev.PlatformEvent, nameBudget); s != "" {
		return " (" + s + ")"
	}
	return ""
}

// channel names the channel that the event is about: the resource.
func (f facts) channel() string {
	if len(f.ev.Access) > 0 {
		if _, name, _ := labels(f.ev.Access[0]); name != "" {
			return "the channel " + f.name(name)
		}
	}
	return "a channel"
}

func firstOf(ss ...string) string {
	for _, s := range ss {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}
