package event

import (
	"strconv"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filters string // comma-separated
		t       Type
		want    bool
	}{
		{"", GrantActive, true},
		{"", Unrecognized, true},
		{"grant.active", GrantActive, true},
		{"grant.active", GrantExpired, false},
		{"grant.*", GrantActive, true},
		{"grant.*", GrantExpiringSoon, true},
		{"grant.*", RequestApproved, false},
		{"request.break_glass,grant.active", RequestBreakGlass, true},
		{"request.break_glass,grant.active", RequestPending, false},
		{"preapproval.*,request.*", RequestFailed, true},
		{"relay.*", ChannelDisabled, true},
		{"unrecognized", Unrecognized, true},
		{"grant.act", GrantActive, false}, // a prefix is no match
		{"grant", GrantActive, false},
	} {
		var filters []string
		if c.filters != "" {
			filters = strings.Split(c.filters, ",")
		}
		if got := Match(filters, c.t); got != c.want {
			t.Errorf("Match(%q, %s) = %t, want %t", filters, c.t, got, c.want)
		}
	}
}

func TestCheckFilter(t *testing.T) {
	for _, typ := range Types() {
		if err := CheckFilter(string(typ)); err != nil {
			t.Errorf("CheckFilter(%q): %v", typ, err)
		}
		if group, _, ok := strings.Cut(string(typ), "."); ok {
			if err := CheckFilter(group + ".*"); err != nil {
				t.Errorf("CheckFilter(%q): %v", group+".*", err)
			}
		}
	}
	for _, f := range []string{"", "*", ".*", "grant", "grant*", "grant.act*", "grant.*.*", "Grant.*", "grant.Active", " grant.*", "nothing.*", "test.*", "unrecognized*"} {
		err := CheckFilter(f)
		if err == nil {
			t.Errorf("CheckFilter(%q) passes", f)
		} else if !strings.Contains(err.Error(), `"`+f+`"`) {
			t.Errorf("CheckFilter(%q) does not name the filter: %v", f, err)
		}
	}
	if err := CheckFilter("*"); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("CheckFilter(*) does not name the fix: %v", err)
	}
}

func TestCheckFilterSaysWhatWasMeant(t *testing.T) {
	for f, want := range map[string]string{
		"preaproval.*":       "preapproval.*",
		"preapproval":        "preapproval.*",
		"requests.*":         "request.*",
		"request.aproved":    "request.approved",
		"Grant.*":            "grant.*",
		" grant.*":           "grant.*",
		"GRANT.ACTIVE":       "grant.active",
		"grant_active":       "grant.active",
		"grant*":             "grant.*",
		"grant.*.*":          "grant.*",
		"unrecognised":       "unrecognized",
		"relay.channel-gone": "",
		"nothing.*":          "",
		"grant.act*":         "",
		"":                   "",
	} {
		wanted := strconv.Quote(f) + " is not an event type or a group such as grant.*"
		if want != "" {
			wanted += ", did you mean " + strconv.Quote(want) + "?"
		}
		if err := CheckFilter(f); err == nil || err.Error() != wanted {
			t.Errorf("got  %v\nwant %s", err, wanted)
		}
	}
}

// Each filter that is offered is one.
func TestFilters(t *testing.T) {
	for _, f := range filters() {
		if err := CheckFilter(f); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestTypes(t *testing.T) {
	seen := map[Type]bool{}
	for _, typ := range Types() {
		if seen[typ] {
			t.Errorf("%s is listed twice", typ)
		}
		seen[typ] = true
		if !typ.Known() {
			t.Errorf("%s is not known", typ)
		}
	}
	if len(seen) != 24 {
		t.Errorf("%d types, the contract has 24", len(seen))
	}
	for _, typ := range []Type{"", "grant", "grant.*", "Grant.Active"} {
		if typ.Known() {
			t.Errorf("%q is known", typ)
		}
	}
	Types()[0] = "changed"
	if Types()[0] != RequestPending {
		t.Error("the list can be changed from outside")
	}
}
