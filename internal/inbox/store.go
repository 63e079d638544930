package inbox

import (
	"slices"
	"sync"
)

// store keeps the newest messages and the failures asked for, and wakes whoever
// waits for a change. Messages are not changed once they are in it.
type store struct {
	keep     int
	maxBytes int

	mu       sync.Mutex
	messages []*Message // oldest first
	bytes    int
	last     int64 // id of the newest ever
	clears   int   // how often everything was forgotten
	failures []Failure
	failRev  int           // counts the changes of failures
	changed  chan struct{} // closed at the next change
}

func newStore(keep, maxBytes int) *store {
	return &store{keep: keep, maxBytes: maxBytes, changed: make(chan struct{})}
}

// add gives m its id and its attempt and keeps it.
func (s *store) add(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	m.ID = s.last
	m.Attempt = 1
	for _, old := range slices.Backward(s.messages) {
		if m.identity != "" && old.identity == m.identity && old.Path == m.Path {
			m.Attempt = old.Attempt + 1
			m.Since = m.ReceivedAt.Sub(old.ReceivedAt)
			break
		}
	}
	s.messages = append(s.messages, m)
	s.bytes += m.size()
	for len(s.messages) > 1 && (len(s.messages) > s.keep || s.bytes > s.maxBytes) {
		s.bytes -= s.messages[0].size()
		s.messages[0] = nil
		s.messages = s.messages[1:]
	}
	s.notify()
}

func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages, s.bytes = nil, 0
	s.clears++
	s.notify()
}

// notify wakes all who wait. The caller holds the lock.
func (s *store) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// snapshot is the state at one moment. Its slices are the reader's.
type snapshot struct {
	messages []*Message // those after the id asked for, oldest first
	kept     int        // how many there are in all
	last     int64
	clears   int
	failures []Failure
	failRev  int
	changed  <-chan struct{} // closed once this is out of date
}

func (s *store) since(id int64) snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.messages, id+1, func(m *Message, want int64) int {
		return int(m.ID - want)
	})
	return snapshot{
		messages: slices.Clone(s.messages[i:]),
		kept:     len(s.messages),
		last:     s.last,
		clears:   s.clears,
		failures: slices.Clone(s.failures),
		failRev:  s.failRev,
		changed:  s.changed,
	}
}

func (s *store) get(id int64) *Message {
	if ms := s.since(id - 1).messages; len(ms) > 0 && ms[0].ID == id {
		return ms[0]
	}
	return nil
}
