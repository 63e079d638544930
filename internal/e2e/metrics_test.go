package e2e

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// metrics are the samples of one scrape, by series as Prometheus writes it.
type metrics map[string]float64

// scrape reads /metrics.
func (p *process) scrape() metrics {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.listener("ops")+"/metrics", nil)
	if err != nil {
		p.t.Fatalf("making a request: %v", err)
	}
	a, err := do(req)
	if err != nil || a.status != http.StatusOK {
		p.t.Fatalf("scraping %s: status %d, %v", p.name, a.status, err)
	}
	m := metrics{}
	for line := range strings.Lines(string(a.body)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if line == "" || line[0] == '#' || at < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			p.t.Fatalf("metric %q: %v", line, err)
		}
		m[line[:at]] = v
	}
	return m
}

// series writes a series as Prometheus does: labels are names and values in turn.
func series(name string, labels ...string) string {
	if len(labels) == 0 {
		return name
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	sort.Strings(pairs)
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// want reports series that have not the wanted value.
func (m metrics) want(t *testing.T, value float64, name string, labels ...string) {
	t.Helper()
	s := series(name, labels...)
	if got, ok := m[s]; !ok || got != value {
		t.Errorf("%s is %v (present: %v), want %v", s, got, ok, value)
	}
}
