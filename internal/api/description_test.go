package api_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"accessrelay/internal/api"
	"accessrelay/internal/openapi"
)

func TestDescription(t *testing.T) {
	h := start(t)
	for _, key := range []string{"", "-"} {
		got := h.do(request{method: "GET", path: "/openapi.yaml?any", key: key, tenant: key})
		if got.status != 200 || got.body != strings.TrimSpace(string(openapi.Document())) || got.header.Get("Content-Type") != "application/yaml" {
			t.Errorf("%d %v %d bytes", got.status, got.header, len(got.body))
		}
	}
	if got := h.do(request{method: "HEAD", path: "/openapi.yaml", key: "-"}); got.status != 200 || got.body != "" || got.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %v %q", got.status, got.header, got.body)
	}
}

// routes are what the router serves, with a path for every channel type.
func routes(t *testing.T) []string {
	t.Helper()
	router, ok := api.New(api.Config{}).(chi.Routes)
	if !ok {
		t.Fatal("the API is no router")
	}
	var out []string
	err := chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if before, ok := strings.CutSuffix(route, "{type}"); ok {
			for _, k := range kinds {
				out = append(out, method+" "+before+k.Slug())
			}
			return nil
		}
		out = append(out, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestRoutesAreDescribed: what the router serves is what the description has.
func TestRoutesAreDescribed(t *testing.T) {
	var want []string
	for _, op := range described.Operations() {
		if !strings.Contains(op, " /v1/hooks/") {
			want = append(want, op)
		}
	}
	slices.Sort(want)
	if got := routes(t); !slices.Equal(got, want) {
		t.Errorf("served:    %s\ndescribed: %s", strings.Join(got, "\n           "), strings.Join(want, "\n           "))
	}
}

// TestManualHasTheRoutes: the table of calls in the manual is the router's.
func TestManualHasTheRoutes(t *testing.T) {
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:GET|POST|PUT|DELETE) /[^`]*)` \\|").FindAllStringSubmatch(string(manual), -1) {
		listed = append(listed, m[1])
	}
	var served []string
	for _, r := range routes(t) {
		for _, k := range kinds {
			r = strings.Replace(r, "/"+k.Slug(), "/{type}", 1)
		}
		served = append(served, r)
	}
	slices.Sort(served)
	slices.Sort(listed)
	if served = slices.Compact(served); !slices.Equal(listed, served) {
		t.Errorf("the manual has\n%s\nserved is\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

// TestManualHasTheCodes: the manual's table of errors and the description name
// the same codes.
func TestManualHasTheCodes(t *testing.T) {
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| [45]\\d\\d \\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(manual), -1) {
		listed[m[1]] = true
	}
	_, rest, _ := strings.Cut(string(openapi.Document()), "stays the same for good.\n          enum:\n")
	enum, _, _ := strings.Cut(rest, "        message:")
	codes := 0
	for line := range strings.Lines(enum) {
		code := strings.TrimPrefix(strings.TrimSpace(line), "- ")
		if codes++; !listed[code] {
			t.Errorf("the manual lacks %s", code)
		}
		delete(listed, code)
	}
	if codes < 10 || len(listed) > 0 {
		t.Errorf("%d codes; the description lacks %v", codes, listed)
	}
}
