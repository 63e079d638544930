package arch

import "testing"

const module = "accessrelay"

// rules are the layering of this repository. A new room takes a rank, a new
// dependency an owner; a reason says what would break.
var rules = Rules{
	Module: module,
	Ranks: map[string]int{
		// What everybody may lean on; these lean on nobody.
		"ack": 0, "arch": 0, "event": 0, "openapi": 0, "openapitest": 0, "ops": 0, "problem": 0, "ratelimit": 0, "redisserver": 0, "redistest": 0, "safenet": 0, "secret": 0, "suggest": 0, "deploy": 0,
		// One business each: a platform, a channel type, a structure in Redis.
		"authn": 1, "channel": 1, "channelstore": 1, "dedup": 1, "gate": 1, "handlebars": 1, "queue": 1, "receipt": 1, "redisconn": 1, "sender": 1, "source": 1, "wording": 1,
		// How channels are reached, what the file says, what all of Redis holds, what every platform must pass, and who plays one.
		"catalog": 2, "config": 2, "gauges": 2, "sourcetest": 2, "standin": 2, "transport": 2,
		// The steps of the way through, and the windows on it.
		"api": 3, "dashboard": 3, "demo": 3, "inbox": 3, "ingest": 3, "relay": 3,
		// The roots, where every wire is.
		"ingestd": 4, "workerd": 4,
		// Both roots in one process.
		"devstack": 5,
		// The operator's tool, a command a file.
		"relayctl": 6,
		// The proof that nothing is lost: it knows the programs only from outside.
		"chaos": 6,
		// Flags, signals, exit codes.
		"cmd": 7,
		// Tests only: the programs as the outside sees them, and what the documentation has them send.
		"e2e": 7, "bench": 7, "recipes": 7,
	},
	Peers: []Peer{
		{"channel/email", "handlebars", "a config's templates are checked where the config is"},
		{"channel/slack", "handlebars", "the same"},
		{"channel/webhook", "handlebars", "the same"},
		{"handlebars", "wording", "a template can ask for the event in words"},
		{"channelstore", "channel", "what is stored is a channel, opened and sealed here"},
		{"event", "suggest", "a filter that is no type is answered with the one that was meant, in the file and through the API"},
		{"openapitest", "openapi", "exchanges are held against the description that is served"},
		{"redistest", "redisserver", "the same servers, in a test's hands"},
	},
	Owners: map[string]Owner{
		"filippo.io/age":                                 {[]string{"secret"}, "sealing and opening have one home, so that who can open is one question"},
		"github.com/alecthomas/kong":                     {[]string{"chaos", "cmd", "config", "relayctl"}, "flags end where the settings are read"},
		"github.com/alicebob/miniredis/v2":               {[]string{"devstack", "redistest"}, "production runs on a Redis that survives"},
		"github.com/aws/aws-sdk-go-v2":                   {[]string{"transport"}, "one channel type speaks to AWS"},
		"github.com/aws/aws-sdk-go-v2/config":            {[]string{"transport"}, "the credentials of the machine are for one channel type"},
		"github.com/aws/aws-sdk-go-v2/credentials":       {[]string{"transport"}, "one channel type speaks to AWS"},
		"github.com/aws/aws-sdk-go-v2/service/sns":       {[]string{"transport"}, "one channel type speaks to AWS"},
		"github.com/aws/aws-sdk-go-v2/service/sqs":       {nil, "for tests: what subscribers of a topic get"},
		"github.com/aws/smithy-go":                       {[]string{"transport"}, "the errors of AWS's SDK"},
		"github.com/chromedp/chromedp":                   {nil, "for tests: a real browser"},
		"github.com/emersion/go-message":                 {nil, "for tests: mails are read by code that is not who wrote them"},
		"github.com/emersion/go-smtp":                    {[]string{"inbox"}, "only the inbox takes mail"},
		"github.com/getkin/kin-openapi":                  {nil, "for tests: the API's description is judged by code that is not ours"},
		"github.com/santhosh-tekuri/jsonschema/v6":       {[]string{"openapitest"}, "for tests: bodies are held against schemas"},
		"github.com/wneessen/go-mail":                    {[]string{"transport"}, "one channel type sends mail"},
		"golang.org/x/net":                               {[]string{"safenet"}, "the ways out have one home"},
		"github.com/go-chi/chi/v5":                       {[]string{"api", "ingest", "ingestd"}, "routes stand where requests come in"},
		"github.com/goccy/go-yaml":                       {[]string{"config", "openapitest"}, "others get plain structs, already checked"},
		"github.com/google/uuid":                         {[]string{"*"}, "an id is an id"},
		"github.com/hibiken/asynq":                       {[]string{"queue", "dashboard"}, "its traps are handled in one place; the dashboard only shows"},
		"github.com/hibiken/asynqmon":                    {[]string{"dashboard"}, "only the dashboard shows queues"},
		"github.com/lestrrat-go/jwx/v2":                  {[]string{"authn"}, "who sent a request is decided in one place"},
		"github.com/prometheus/client_golang":            {[]string{"*"}, "a room owns its metrics; the registry is handed in"},
		"github.com/redis/go-redis/v9":                   {[]string{"queue", "dedup", "gate", "receipt", "channelstore", "redisconn", "redisserver", "redistest", "dashboard", "ingestd", "workerd", "devstack", "chaos"}, "the steps know no Redis: they ask for what they need by interface"},
		"go.uber.org/goleak":                             {[]string{"openapitest"}, "for tests"},
		"golang.org/x/time":                              {[]string{"*"}, "close to the standard library"},
		"github.com/standard-webhooks/standard-webhooks": {nil, "for tests: our signatures are checked by code that is not ours"},
	},
	Bans: []Ban{
		{"event", []string{"os", "net", "io/fs", "syscall"}, "the canonical event does no I/O: it is the same everywhere"},
		{"authn", []string{"./event", "./channel"}, "who sent a request does not hang on what it says"},
		{"channel", []string{"net/http", "net/smtp"}, "what a channel is must be known without reaching it: the API and ingest check configs and link no transport"},
		{"source", []string{"net/http", "os", "./secret"}, "a platform's body is read, nothing more: no I/O, no credentials"},
		{"ingest", []string{"./dedup", "./receipt", "./channelstore", "./channel"}, "the hook handler authenticates, checks the envelope and enqueues: what slows it delays the 200"},
		{"relay", []string{"./queue", "./dedup", "./gate", "./receipt", "./channelstore", "./config"}, "the two steps state what they need as interfaces, so that they are tested without Redis"},
		{"api", []string{"./config", "./dedup", "./transport"}, "the API changes records; delivering is the workers'"},
		{"chaos", []string{"./workerd", "./ingestd", "./relay", "./queue", "./receipt", "./ingest", "./api"}, "who judges the programs shares no code with them: it sees what a user sees"},
		{"config", []string{"./queue", "./receipt", "./channelstore", "./dedup"}, "settings are read before anything is connected"},
	},
	Links: []Ban{
		{"cmd/ingest", []string{"./transport", "./relay", "./workerd", "github.com/aws"}, "what faces the internet delivers nothing"},
		{"cmd/ingest", []string{"./dashboard", "./inbox", "./devstack", "github.com/hibiken/asynqmon"}, "what faces the internet serves no pages"},
		{"cmd/ingest", []string{"./openapitest"}, "exchanges are checked in tests"},
		{"cmd/ingest", []string{"github.com/alicebob/miniredis", "./redisserver", "./redistest", "testing"}, "only relayctl embeds a Redis"},
		{"cmd/worker", []string{"./ingest", "./api", "./ingestd"}, "a worker takes nothing in"},
		{"cmd/worker", []string{"./dashboard", "./inbox", "./devstack", "github.com/hibiken/asynqmon"}, "a worker serves no pages"},
		{"cmd/worker", []string{"github.com/alicebob/miniredis", "./redisserver", "./redistest", "testing"}, "only relayctl embeds a Redis"},
		{"cmd/relayctl", []string{"./redistest", "testing"}, "it is a program, not a test"},
	},
}

func TestLayers(t *testing.T) {
	readsSources(t)
	g, err := Load(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(g.own(module)) == 0 {
		t.Fatalf("no package of module %s was found: nothing would be checked", module)
	}
	for _, sentence := range Check(g, rules) {
		t.Error(sentence)
	}
}
