package inbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// maxWait bounds ?wait=.
const maxWait = time.Minute

// messageList is the answer of GET /api/messages.
type messageList struct {
	Data     []*Message `json:"data"` // oldest first
	Last     int64      `json:"last"` // to be given as since next time
	Failures []Failure  `json:"failures"`
}

// list answers GET /api/messages: the messages after ?since= (an id; default
// all), at ?path= alone if given. With ?wait= (a duration such as 5s) it
// answers as soon as there is at least one, or with none when the time is over.
func (in *Inbox) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var since int64
	var wait time.Duration
	var err error
	if v := q.Get("since"); v != "" {
		if since, err = strconv.ParseInt(v, 10, 64); err != nil || since < 0 {
			http.Error(w, "since: must be the id of a message", http.StatusBadRequest)
			return
		}
	}
	if v := q.Get("wait"); v != "" {
		if wait, err = time.ParseDuration(v); err != nil || wait < 0 || wait > maxWait {
			http.Error(w, "wait: must be a duration up to "+maxWait.String()+", such as 5s", http.StatusBadRequest)
			return
		}
	}
	path := ""
	if v := q.Get("path"); v != "" {
		path = cleanPath(v)
	}

	if wait > 0 {
		// The server's write time-out counts from the request, not from the answer.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + writeTimeout))
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		snap := in.store.since(since)
		out := messageList{Data: []*Message{}, Last: snap.last, Failures: snap.failures}
		for _, m := range snap.messages {
			if path == "" || m.Path == path {
				out.Data = append(out.Data, m)
			}
		}
		if out.Failures == nil {
			out.Failures = []Failure{}
		}
		if len(out.Data) > 0 || wait == 0 {
			writeJSON(w, out)
			return
		}
		select {
		case <-snap.changed:
		case <-timeout.C:
			wait = 0
		case <-in.done:
			wait = 0
		case <-r.Context().Done():
			return
		}
	}
}

func (in *Inbox) get(w http.ResponseWriter, r *http.Request) {
	m := in.find(r)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, m)
}

// find returns the message whose id the address has, or nil.
func (in *Inbox) find(r *http.Request) *Message {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil
	}
	return in.store.get(id)
}

func (in *Inbox) clear(w http.ResponseWriter, _ *http.Request) {
	in.store.clear()
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the reader has gone: nothing to be done
}
