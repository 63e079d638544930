package arch

import (
	"slices"
	"strings"
	"testing"
)

// fake makes a graph of module m from lines such as "internal/a: internal/b x.org/lib/sub".
// What is in the standard library has no dot in its first element.
func fake(t *testing.T, lines ...string) Graph {
	t.Helper()
	g := Graph{}
	expand := func(p string) string {
		if strings.HasPrefix(p, "internal/") || strings.HasPrefix(p, "cmd/") {
			p = "m/" + p
		}
		if _, ok := g[p]; ok {
			return p
		}
		switch first, rest, _ := strings.Cut(p, "/"); {
		case first == "m":
			g[p] = Package{Module: "m"}
		case strings.Contains(first, "."):
			name, _, _ := strings.Cut(rest, "/")
			g[p] = Package{Module: first + "/" + name}
		default:
			g[p] = Package{Standard: true}
		}
		return p
	}
	for _, line := range lines {
		from, imports, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("line %q has no colon", line)
		}
		p := expand(from)
		pkg := g[p]
		for _, imp := range strings.Fields(imports) {
			pkg.Imports = append(pkg.Imports, expand(imp))
		}
		g[p] = pkg
	}
	return g
}

func TestCheck(t *testing.T) {
	ranks := map[string]int{"low": 0, "mid": 1, "peer": 1, "cmd": 2}
	standing := []string{"internal/low:", "internal/mid:", "internal/peer:", "cmd/x:"}
	tests := []struct {
		name  string
		graph []string
		rules Rules
		want  []string // parts of the sentences, in order
	}{
		{"downwards is right", []string{"internal/mid: internal/low fmt", "cmd/x: internal/mid internal/low"}, Rules{}, nil},
		{"upwards", []string{"internal/low: internal/mid"}, Rules{}, []string{"low (rank 0) imports mid (rank 1)"}},
		{"sideways", []string{"internal/mid: internal/peer"}, Rules{}, []string{"mid (rank 1) imports peer (rank 1)"}},
		{
			"sideways with a reason",
			[]string{"internal/mid: internal/peer"},
			Rules{Peers: []Peer{{"mid", "peer", "it must"}}}, nil,
		},
		{
			"a reason for another import is none",
			[]string{"internal/mid: internal/peer", "internal/peer:"},
			Rules{Peers: []Peer{{"peer", "mid", "it must"}}},
			[]string{"mid (rank 1) imports peer", "peer no longer imports mid"},
		},
		{
			"a folder below counts as its room",
			[]string{"internal/low/a/b: internal/mid/c"}, Rules{},
			[]string{"low/a/b (rank 0) imports mid/c (rank 1)"},
		},
		{"a folder knows those above it", []string{"internal/mid/a/b: internal/mid internal/mid/a"}, Rules{}, nil},
		{"a room does not know its folders", []string{"internal/mid: internal/mid/a"}, Rules{}, []string{"mid imports mid/a"}},
		{"siblings do not know each other", []string{"internal/mid/a: internal/mid/ab"}, Rules{}, []string{"mid/a imports mid/ab"}},
		{"a room without a rank", []string{"internal/new: fmt"}, Rules{}, []string{"new has no rank"}},
		{
			"a rank without a room", nil,
			Rules{Ranks: map[string]int{"gone": 3}}, []string{"gone has a rank and is not there"},
		},
		{
			"a dependency without an owner",
			[]string{"internal/mid: x.org/lib/sub"}, Rules{},
			[]string{"mid imports x.org/lib/sub of x.org/lib, which has no owner"},
		},
		{
			"a dependency of another",
			[]string{"internal/mid: x.org/lib", "internal/peer/a: x.org/lib/sub"},
			Rules{Owners: map[string]Owner{"x.org/lib": {By: []string{"peer"}, Why: "one place"}}},
			[]string{"mid imports x.org/lib: one place"},
		},
		{
			"a dependency for tests",
			[]string{"internal/mid: x.org/lib"},
			Rules{Owners: map[string]Owner{"x.org/lib": {Why: "tests only"}}},
			[]string{"mid imports x.org/lib: tests only"},
		},
		{
			"a dependency for all",
			[]string{"internal/mid: x.org/lib"},
			Rules{Owners: map[string]Owner{"x.org/lib": {By: []string{"*"}}}}, nil,
		},
		{
			"a test helper",
			[]string{"internal/mid: internal/low/lowtest", "internal/peer/peertest: internal/low/lowtest"}, Rules{},
			[]string{"mid imports low/lowtest: it is for tests"},
		},
		{
			"a ban on the standard library",
			[]string{"internal/low: os", "internal/low/a: os/exec osx", "internal/mid: os"},
			Rules{Bans: []Ban{{"low", []string{"os"}, "no I/O"}}},
			[]string{"low imports os: no I/O", "low/a imports os/exec: no I/O"},
		},
		{
			"a ban on a room",
			[]string{"internal/mid: internal/low/a"},
			Rules{Bans: []Ban{{"mid", []string{"./low"}, "knows it not"}}},
			[]string{"mid imports m/internal/low/a: knows it not"},
		},
		{
			"bans on nobody", nil,
			Rules{Bans: []Ban{{"gone", nil, ""}}, Links: []Ban{{"cmd/gone", nil, ""}}},
			[]string{"a ban names cmd/gone", "a ban names gone"},
		},
		{
			"linked over several imports, through a dependency too",
			[]string{"cmd/x: internal/mid", "internal/mid: x.org/lib", "x.org/lib: y.org/deep/er", "y.org/deep/er:"},
			Rules{
				Owners: map[string]Owner{"x.org/lib": {By: []string{"*"}}},
				Links:  []Ban{{"cmd/x", []string{"y.org/deep", "./low"}, "too heavy"}},
			},
			[]string{"cmd/x is linked with y.org/deep (m/cmd/x → m/internal/mid → x.org/lib → y.org/deep/er): too heavy"},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := tc.rules
			r.Module = "m"
			if r.Ranks == nil {
				r.Ranks = map[string]int{}
			}
			for room, n := range ranks {
				r.Ranks[room] = n
			}
			got := Check(fake(t, slices.Concat(standing, tc.graph)...), r)
			if len(got) != len(tc.want) {
				t.Fatalf("Check found\n%q, want %d like\n%q", got, len(tc.want), tc.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tc.want[i]) {
					t.Errorf("sentence %d is %q, want one with %q", i, got[i], tc.want[i])
				}
			}
		})
	}
}

func TestChainIsShortest(t *testing.T) {
	g := fake(t, "internal/a: internal/b internal/c", "internal/b: internal/d", "internal/c: internal/e", "internal/d: internal/e", "internal/e: internal/a")
	got := g.Chain("m/internal/a", func(p string) bool { return p == "m/internal/e" })
	want := []string{"m/internal/a", "m/internal/c", "m/internal/e"}
	if !slices.Equal(got, want) {
		t.Errorf("Chain = %v, want %v", got, want)
	}
	if got := g.Chain("m/internal/a", func(string) bool { return false }); got != nil {
		t.Errorf("Chain to nothing = %v, want nil", got)
	}
}
