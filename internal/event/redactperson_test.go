package event

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRedactPerson: what is hidden of somebody does not stand in what else is
// told of the same person.
func TestRedactPerson(t *testing.T) {
	const ann = "ann@example.com"
	for _, tt := range []struct {
		in   Person
		path string
		want Person
	}{
		{Person{ID: ann, Email: ann}, "email", Person{}},
		{Person{ID: ann, Email: ann}, "id", Person{}},
		{Person{ID: ann, Name: ann, Email: ann}, "name", Person{}},
		{Person{ID: "Ann@Example.COM", Name: "Ann", Email: ann}, "email", Person{Name: "Ann"}},
		{Person{ID: "u-17", Name: "ANN@EXAMPLE.COM", Email: ann}, "email", Person{ID: "u-17"}},
		{Person{ID: "user:" + ann, Name: "Ann <Ann@example.com>", Email: ann}, "email", Person{}},
		{Person{ID: "user:" + ann, Email: ann}, "id", Person{Email: ann}}, // another fact, which nobody hid
		{Person{ID: "u-17", Name: "Ann", Email: ann}, "email", Person{ID: "u-17", Name: "Ann"}},
		{Person{ID: "u-17", Name: "Ann", Email: ann}, "id", Person{Name: "Ann", Email: ann}},
		{Person{ID: "ann", Name: "Ann", Email: ann}, "id", Person{Email: ann}},
		{Person{ID: "u-17", Name: "u", Email: "u@example.com"}, "name", Person{ID: "u-17", Email: "u@example.com"}}, // a name of one letter is in much
		{Person{ID: "u-17", Name: "Ann"}, "email", Person{ID: "u-17", Name: "Ann"}},
		{Person{ID: "\xff", Name: "x"}, "email", Person{ID: "\xff", Name: "x"}},
	} {
		other := Person{ID: ann, Email: ann}
		for place, of := range map[string]func(*Event) *Person{
			"requester":          func(ev *Event) *Person { return ev.Requester },
			"grantee":            func(ev *Event) *Person { return ev.Grantee },
			"approvals.approver": func(ev *Event) *Person { return approver(ev) },
		} {
			r, g, a := other, other, other
			for name, p := range map[string]*Person{"requester": &r, "grantee": &g, "approvals.approver": &a} {
				if name == place {
					*p = tt.in
				}
			}
			ev := &Event{Requester: &r, Grantee: &g, Approvals: []Approval{{Status: "approved", Approver: &a}}}
			before := asJSON(t, ev)
			out := Redact(ev, []string{place + "." + tt.path})
			got := of(out)
			if got == nil {
				got = &Person{}
			} else if *got == (Person{}) {
				t.Errorf("%s of %+v: an empty shell is left", place, tt.in)
			}
			if *got != tt.want {
				t.Errorf("%s of %+v without %s: %+v, want %+v", place, tt.in, tt.path, *got, tt.want)
			}
			if after := asJSON(t, ev); after != before {
				t.Errorf("the event itself changed: %s", after)
			}
			for name, p := range map[string]*Person{"requester": out.Requester, "grantee": out.Grantee, "approvals.approver": approver(out)} {
				if name != place && (p == nil || *p != other) {
					t.Errorf("%s.%s changes %s: %+v", place, tt.path, name, p)
				}
			}
		}
	}
}

func approver(ev *Event) *Person {
	if len(ev.Approvals) == 0 {
		return nil
	}
	return ev.Approvals[0].Approver
}

// TestRedactPersonNowhere: of an address that is hidden in one place of a person
// nothing is left, and in whatever order the paths stand the result is the same.
func TestRedactPersonNowhere(t *testing.T) {
	const ann = "ann@example.com"
	texts := []string{"", ann, strings.ToUpper(ann), "user:" + ann, "u-17", "U-17", "Ann"}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		pick := func() string { return texts[rng.IntN(len(texts))] }
		p := Person{ID: pick(), Name: pick(), Email: pick()}
		held := map[string]string{"requester.id": p.ID, "requester.name": p.Name, "requester.email": p.Email}
		var paths []string
		for path := range held {
			if rng.IntN(2) == 0 {
				paths = append(paths, path)
			}
		}
		if len(paths) == 0 {
			continue
		}
		redact := func(paths []string) string { return asJSON(t, Redact(&Event{Requester: &p}, paths)) }
		got := redact(paths)
		for _, path := range paths {
			lower := strings.ToLower(held[path])
			if strings.Contains(lower, "@") && strings.Contains(strings.ToLower(got), lower) || lower != "" && strings.Contains(strings.ToLower(got), fmt.Sprintf("%q", lower)) {
				t.Fatalf("%+v without %v: %s", p, paths, got)
			}
		}
		rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		if again := redact(paths); again != got {
			t.Fatalf("%+v without %v: %s, in another order %s", p, paths, again, got)
		}
	}
}
