package receipt

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed open.lua
	openSource string
	//go:embed settle.lua
	settleSource string
	//go:embed record.lua
	recordSource string
	//go:embed page.lua
	pageSource string
	//go:embed unindex.lua
	unindexSource string
	//go:embed replay.lua
	replaySource string
	//go:embed delete.lua
	deleteSource string
	//go:embed touch.lua
	touchSource string
	//go:embed list.lua
	listSource string
	//go:embed reopen.lua
	reopenSource string
	//go:embed take.lua
	takeSource string
	//go:embed looked.lua
	lookedSource string
	//go:embed dead.lua
	deadSource string
	//go:embed forget.lua
	forgetSource string
)

var (
	openScript    = redis.NewScript(openSource)
	settleScript  = redis.NewScript(settleSource)
	recordScript  = redis.NewScript(recordSource)
	pageScript    = redis.NewScript(pageSource)
	unindexScript = redis.NewScript(unindexSource)
	replayScript  = redis.NewScript(replaySource)
	deleteScript  = redis.NewScript(deleteSource)
	listScript    = redis.NewScript(touchSource + listSource)
	reopenScript  = redis.NewScript(touchSource + reopenSource)
	takeScript    = redis.NewScript(takeSource)
	lookedScript  = redis.NewScript(lookedSource)
	deadScript    = redis.NewScript(deadSource)
	forgetScript  = redis.NewScript(forgetSource)
)
