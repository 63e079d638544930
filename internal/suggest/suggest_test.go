package suggest

import "testing"

func TestClosest(t *testing.T) {
	known := []string{"request.pending", "request.approved", "grant.active", "id", "platform"}
	for got, want := range map[string]string{
		"request.pendig":   "request.pending",
		"request.aproved":  "request.approved",
		"rqeuest.pending":  "request.pending", // two neighbours swapped
		"grant.actvie":     "grant.active",
		"pltaform":         "platform",
		"di":               "id",
		"":                 "",
		"x":                "",
		"grant":            "",
		"request.approved": "request.approved",
	} {
		if s := Closest(got, known); s != want {
			t.Errorf("Closest(%q) = %q, want %q", got, s, want)
		}
	}
	if s := Closest("id", nil); s != "" {
		t.Errorf("of no words %q is the closest", s)
	}
}
