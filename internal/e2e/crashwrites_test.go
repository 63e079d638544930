package e2e

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// operation is something that a program has Redis do.
type operation struct {
	name string // as crash points call it; "": nobody dies there
	why  string // nobody needs to die there; "" if some do
}

// Operations that are looked at more closely.
const (
	takeEvent    = "the event is taken"
	takeDelivery = "the delivery is taken"
	dueDelivery  = "the retry is due"
	eventDone    = "the event is done"
	mendDelivery = "the misplaced delivery is put back"
	mendEvent    = "the misplaced event is put back"
	takeOpen     = "the event is taken for a look"
)

const (
	readsOnly    = "it only reads"
	noRetry      = "an event waits only after trouble with Redis; then it is like a delivery"
	housekeeping = "asynq says who is alive; nothing is decided by it"
)

// operations are the writes that the programs make, by signature. A write that
// is not here fails the test that makes it: it needs its crash points, and they
// need their rows in docs/guarantees.md.
var operations = map[string]operation{
	// The queue.
	"SADD asynq:queues":                                             {name: "the queue is named"},
	"events: t pending":                                             {name: "the event is enqueued"},
	"deliveries: t pending":                                         {name: "the delivery is enqueued"},
	"events: pending paused active lease":                           {name: takeEvent},
	"events: active lease t processed processed":                    {name: eventDone},
	"deliveries: pending paused active lease":                       {name: takeDelivery},
	"deliveries: active lease t processed processed":                {name: "the delivery is done"},
	"deliveries: t active lease retry processed failed":             {name: "the delivery waits"},
	"deliveries: retry pending":                                     {name: dueDelivery},
	"deliveries: active lease pending t":                            {name: "the delivery is handed back"},
	"deliveries: pending active lease scheduled retry t":            {name: "the lost delivery is put back"},
	"events: pending active lease scheduled retry t":                {name: "the lost event is put back"},
	"deliveries: pending active lease scheduled retry archived":     {name: mendDelivery},
	"events: pending active lease scheduled retry archived":         {name: mendEvent},
	"script ar:scan args:4":                                         {name: "the scan is begun"},
	"script ar:scan args:3":                                         {name: "the scan is ended"},
	"events: retry pending":                                         {why: noRetry},
	"events: t active lease retry processed failed":                 {why: noRetry},
	"events: active lease pending t":                                {why: "an event is handed back only in trouble with Redis; then it is like a delivery"},
	"events: scheduled pending":                                     {why: "nothing is ever scheduled"},
	"deliveries: scheduled pending":                                 {why: "nothing is ever scheduled"},
	"events: completed":                                             {why: "nothing completed is kept"},
	"deliveries: completed":                                         {why: "nothing completed is kept"},
	"events: aggregation_sets":                                      {why: "nothing is ever grouped"},
	"deliveries: aggregation_sets":                                  {why: "nothing is ever grouped"},
	"events: t":                                                     {why: readsOnly},
	"events: active lease":                                          {why: readsOnly},
	"deliveries: active lease":                                      {why: readsOnly},
	"events: lease":                                                 {why: readsOnly},
	"deliveries: lease":                                             {why: readsOnly},
	"events: pending active scheduled retry archived completed":     {why: readsOnly},
	"deliveries: pending active scheduled retry archived completed": {why: readsOnly},
	"ZADD asynq:{events}:lease":                                     {why: "a living worker renews its leases, and dies again without it"},
	"ZADD asynq:{deliveries}:lease":                                 {why: "a living worker renews its leases, and dies again without it"},
	"ZADD asynq:servers":                                            {why: housekeeping},
	"ZADD asynq:workers":                                            {why: housekeeping},
	"ZREMRANGEBYSCORE asynq:servers":                                {why: housekeeping},
	"ZREMRANGEBYSCORE asynq:workers":                                {why: housekeeping},
	"ZREM asynq:servers":                                            {why: housekeeping},
	"ZREM asynq:workers":                                            {why: housekeeping},
	"script asynq:servers:{} asynq:workers:{}":                      {why: housekeeping},

	"script": {why: "it has no key: the question whether Redis would take a write"},

	// What becomes of events.
	"dedup/claim.lua":              {name: "the claim"},
	"ZREM ar:dedup:{}":             {name: "the claim is given up"},
	"ZADD ar:tenants":              {name: "the tenant is named"},
	"receipt/list.lua":             {name: "the event is listed"},
	"receipt/open.lua":             {name: "the record is made"},
	"receipt/settle.lua":           {name: "the event is settled"},
	"HMGET ar:{event}":             {name: "the delivery is loaded"}, // a read: the last before a send
	"receipt/record.lua delivered": {name: "the delivery is recorded"},
	"receipt/record.lua retrying":  {name: "the retry is recorded"},
	"receipt/record.lua throttled": {name: "the wait is recorded"},
	"receipt/record.lua dead":      {name: "the death is recorded"},
	"receipt/dead.lua":             {name: "the death is listed"},
	"ZREM ar:{tenant}:dead:":       {name: "the delivery is off the list of the dead"},
	"receipt/reopen.lua":           {name: "the event is open again"},
	"receipt/replay.lua":           {name: "the replay is recorded"},
	"receipt/unindex.lua":          {name: "the earlier death is off the list"},
	"receipt/delete.lua":           {name: "the delivery is deleted"},
	"receipt/forget.lua":           {name: "the deleted is off the lists"},
	"receipt/page.lua":             {why: readsOnly},
	"receipt/take.lua":             {name: takeOpen},
	"receipt/looked.lua":           {name: "the look is over"},
	"ZREM ar:{tenant}:open":        {name: "the closed is off the index"},

	// The channels' gates.
	"gate/enter.lua":  {name: "the turn is given"},
	"gate/report.lua": {name: "the failure is told"},

	// Channels.
	"channelstore/read.lua":       {why: readsOnly},
	"channelstore/create.lua":     {name: "the channel is stored"},
	"channelstore/update.lua":     {name: "the channel is changed"},
	"channelstore/delete.lua":     {name: "the channel is deleted"},
	"channelstore/switch.lua off": {name: "the channel is off"},
	"channelstore/switch.lua on":  {name: "the channel is on"},
}

// reads are commands that change nothing that anybody relies on.
var reads = strings.Fields(`HELLO CLIENT PING INFO SELECT AUTH COMMAND SCRIPT TIME ECHO QUIT
	GET MGET EXISTS TTL PTTL TYPE SCAN STRLEN HGET HMGET HGETALL HEXISTS HLEN HSCAN
	SMEMBERS SISMEMBER SCARD LLEN LRANGE ZSCORE ZMSCORE ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE
	TOUCH MEMORY CLUSTER CONFIG MULTI EXEC WAIT WAITAOF PUBLISH SPUBLISH`)

// recognize says what a request is; false if it may write and is not known.
func recognize(r request) (operation, bool) {
	if op, ok := operations[r.signature()]; ok {
		return op, true
	}
	return operation{}, slices.Contains(reads, r.command())
}

// signature names what a request does without saying to whom: a script of ours
// by its file, one of asynq's by its queue and keys, anything else by command
// and key.
func (r request) signature() string {
	keys := r.keys()
	if r.script() && len(keys) == 0 {
		return "script"
	}
	for i, k := range keys {
		keys[i] = keyClass(k)
	}
	if !r.script() {
		return strings.TrimSpace(r.command() + " " + strings.Join(keys, " "))
	}
	if file := scriptFile(r); file != "" {
		return strings.TrimSpace(file + " " + fileDetail(file, r.rest()))
	}
	queue, _, ok := strings.Cut(strings.TrimPrefix(strings.Join(keys, " "), "asynq:{"), "}:")
	if !ok || len(keys) == 0 || !strings.HasPrefix(keys[0], "asynq:{") {
		sig := "script " + strings.Join(keys, " ")
		if keys[0] == "ar:scan" { // its begin and its end
			sig += " args:" + strconv.Itoa(len(r.rest()))
		}
		return sig
	}
	sig := queue + ":"
	for _, k := range keys[:min(6, len(keys))] {
		sig += " " + strings.TrimPrefix(k, "asynq:{"+queue+"}:")
	}
	return sig
}

var (
	ofQueue  = regexp.MustCompile(`^asynq:\{(events|deliveries)[^}]*\}:([^:]+).*$`)
	ofEvent  = regexp.MustCompile(`\{evt_[^}]*\}`)
	ofTenant = regexp.MustCompile(`\{[0-9a-f]{8}-[0-9a-f-]{27}\}`)
	ofOther  = regexp.MustCompile(`\{[^}]*\}.*$`)
	ofType   = regexp.MustCompile(`:dead:.*$`)
)

func keyClass(key string) string {
	if m := ofQueue.FindStringSubmatch(key); m != nil {
		return "asynq:{" + m[1] + "}:" + m[2]
	}
	switch {
	case ofEvent.MatchString(key):
		return ofEvent.ReplaceAllString(key, "{event}")
	case ofTenant.MatchString(key) && !strings.HasPrefix(key, "ar:dedup:"):
		return ofType.ReplaceAllString(ofTenant.ReplaceAllString(key, "{tenant}"), ":dead:")
	}
	return ofOther.ReplaceAllString(key, "{}")
}

// fileDetail tells the uses of one script apart.
func fileDetail(file string, args []string) string {
	switch file {
	case "receipt/record.lua":
		for _, a := range args {
			if part := strings.SplitN(a, "|", 3); len(part) == 3 {
				return part[1]
			}
		}
	case "channelstore/switch.lua":
		if args[len(args)-1] == "" {
			return "on"
		}
		return "off"
	}
	return ""
}

// scripts remembers the scripts that were seen: hash to file, "" for others'.
var scripts struct {
	sync.Mutex
	files map[string]string // by hash
	texts map[string]string // by file
}

// loadScripts reads the scripts of this module.
func loadScripts(t *testing.T) {
	t.Helper()
	scripts.Lock()
	defer scripts.Unlock()
	scripts.files, scripts.texts = map[string]string{}, map[string]string{}
	paths, err := filepath.Glob("../*/*.lua")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		scripts.texts[strings.TrimPrefix(filepath.ToSlash(p), "../")] = strings.TrimSpace(string(text))
	}
}

// scriptFile returns the file that a request's script is from. What a program
// puts before a script's text makes no difference.
func scriptFile(r request) string {
	scripts.Lock()
	defer scripts.Unlock()
	if strings.HasPrefix(r.command(), "EVALSHA") {
		return scripts.files[strings.ToLower(r.args[1])]
	}
	sum := sha1.Sum([]byte(r.args[1]))
	hash := hex.EncodeToString(sum[:])
	for file, text := range scripts.texts {
		if strings.HasSuffix(strings.TrimSpace(r.args[1]), text) {
			scripts.files[hash] = file
		}
	}
	return scripts.files[hash]
}
