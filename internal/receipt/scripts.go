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
)

var (
	openScript    = redis.NewScript(openSource)
	settleScript  = redis.NewScript(settleSource)
	recordScript  = redis.NewScript(recordSource)
	pageScript    = redis.NewScript(pageSource)
	unindexScript = redis.NewScript(unindexSource)
	replayScript  = redis.NewScript(replaySource)
	deleteScript  = redis.NewScript(deleteSource)
)
