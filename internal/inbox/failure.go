package inbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Failure makes the next deliveries to a path fail, so that a person can watch
// the relay retry.
type Failure struct {
	Path       string `json:"path"`
	Status     int    `json:"status"`                // of HTTP or, on a mail's path, of SMTP
	Times      int    `json:"times"`                 // how many deliveries it still takes
	RetryAfter int    `json:"retry_after,omitempty"` // seconds; 0 sends no Retry-After
	Stage      string `json:"stage,omitempty"`       // of mail: StageData or StageRcpt; else empty
}

const (
	maxFailures     = 100 // paths at a time
	maxFailureTimes = 1_000_000
)

// fail answers POST /fail. times=0 ends what was asked for before.
func (in *Inbox) fail(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := Failure{Path: cleanPath(q.Get("path")), Status: 500, Times: 1}
	k := kindOf(f.Path)
	if k == nil {
		http.Error(w, "path: must be one that takes deliveries, such as /webhook/siem", http.StatusBadRequest)
		return
	}
	lowest, longest := 200, 24*3600
	if k.name == "email" {
		// SMTP has no Retry-After, and by an answer below 400 a mail is taken.
		f.Status, f.Stage, lowest, longest = 451, StageData, 400, 0
		if v := q.Get("stage"); v != "" {
			f.Stage = v
		}
		if f.Stage != StageData && f.Stage != StageRcpt {
			http.Error(w, "stage: must be data (the whole mail) or rcpt (this recipient alone)", http.StatusBadRequest)
			return
		}
	}
	for _, p := range []struct {
		name     string
		to       *int
		min, max int
	}{
		{"status", &f.Status, lowest, 599},
		{"times", &f.Times, 0, maxFailureTimes},
		{"retry_after", &f.RetryAfter, 0, longest},
	} {
		v := q.Get(p.name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < p.min || n > p.max {
			http.Error(w, p.name+": must be a number from "+strconv.Itoa(p.min)+" to "+strconv.Itoa(p.max), http.StatusBadRequest)
			return
		}
		*p.to = n
	}
	if !in.store.setFailure(f) {
		http.Error(w, "path: too many paths fail already; end some with times=0", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// setFailure replaces the failure of f's path. It reports false when there are
// too many.
func (s *store) setFailure(f Failure) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(s.failures), func(o Failure) bool { return o.Path == f.Path })
	if f.Times > 0 {
		if len(kept) >= maxFailures {
			return false
		}
		kept = append(kept, f)
		slices.SortFunc(kept, func(a, b Failure) int { return strings.Compare(a.Path, b.Path) })
	}
	s.failures = kept
	s.failRev++
	s.notify()
	return true
}

// takeFailure uses up one of the failures asked for at path and stage.
func (s *store) takeFailure(path, stage string) (Failure, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.failures, func(f Failure) bool { return f.Path == path && f.Stage == stage })
	if i < 0 {
		return Failure{}, false
	}
	f := s.failures[i]
	f.Times--
	s.failures = slices.Clone(s.failures)
	if f.Times > 0 {
		s.failures[i] = f
	} else {
		s.failures = slices.Delete(s.failures, i, i+1)
	}
	s.failRev++
	s.notify()
	return f, true
}
