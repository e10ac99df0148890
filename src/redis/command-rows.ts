// The commands of Redis 7.0.15, as COMMAND tells them. Written by 'npm run redis-commands'.
//
// name | arity | flags | where its keys are | what becomes of it with several shards

export const COMMAND_ROWS = `
acl | -2 | - | - | -
acl|cat | -2 | - | - | -
acl|deluser | -3 | admin | - | -
acl|dryrun | -4 | admin | - | -
acl|genpass | -2 | - | - | -
acl|getuser | 3 | admin | - | -
acl|help | 2 | - | - | -
acl|list | 2 | admin | - | -
acl|load | 2 | admin | - | -
acl|log | -2 | admin | - | -
acl|save | 2 | admin | - | -
acl|setuser | -3 | admin | - | -
acl|users | 2 | admin | - | -
acl|whoami | 2 | - | - | -
append | 3 | write | index 1 range 0 1 0 | -
asking | 1 | - | - | -
auth | -2 | - | - | -
bgrewriteaof | 1 | admin | - | -
bgsave | -1 | admin | - | -
bitcount | -2 | readonly | index 1 range 0 1 0 | -
bitfield | -2 | write | index 1 range 0 1 0 | -
bitfield_ro | -2 | readonly | index 1 range 0 1 0 | -
bitop | -4 | write | index 2 range 0 1 0, index 3 range -1 1 0 | -
bitpos | -3 | readonly | index 1 range 0 1 0 | -
blmove | 6 | write blocking | index 1 range 0 1 0, index 2 range 0 1 0 | -
blmpop | -5 | write blocking | index 2 keynum 0 1 1 | -
blpop | -3 | write blocking | index 1 range -2 1 0 | -
brpop | -3 | write blocking | index 1 range -2 1 0 | -
brpoplpush | 4 | write blocking | index 1 range 0 1 0, index 2 range 0 1 0 | -
bzmpop | -5 | write blocking | index 2 keynum 0 1 1 | -
bzpopmax | -3 | write blocking | index 1 range -2 1 0 | -
bzpopmin | -3 | write blocking | index 1 range -2 1 0 | -
client | -2 | - | - | -
client|caching | 3 | - | - | -
client|getname | 2 | - | - | -
client|getredir | 2 | - | - | -
client|help | 2 | - | - | -
client|id | 2 | - | - | -
client|info | 2 | - | - | -
client|kill | -3 | admin | - | -
client|list | -2 | admin | - | -
client|no-evict | 3 | admin | - | -
client|pause | -3 | admin | - | -
client|reply | 3 | - | - | -
client|setname | 3 | - | - | -
client|tracking | -3 | - | - | -
client|trackinginfo | 2 | - | - | -
client|unblock | -3 | admin | - | -
client|unpause | 2 | admin | - | -
cluster | -2 | - | - | -
cluster|addslots | -3 | admin | - | -
cluster|addslotsrange | -4 | admin | - | -
cluster|bumpepoch | 2 | admin | - | -
cluster|count-failure-reports | 3 | admin | - | -
cluster|countkeysinslot | 3 | - | - | -
cluster|delslots | -3 | admin | - | -
cluster|delslotsrange | -4 | admin | - | -
cluster|failover | -2 | admin | - | -
cluster|flushslots | 2 | admin | - | -
cluster|forget | 3 | admin | - | -
cluster|getkeysinslot | 4 | - | - | -
cluster|help | 2 | - | - | -
cluster|info | 2 | - | - | -
cluster|keyslot | 3 | - | - | -
cluster|links | 2 | - | - | -
cluster|meet | -4 | admin | - | -
cluster|myid | 2 | - | - | -
cluster|nodes | 2 | - | - | -
cluster|replicas | 3 | admin | - | -
cluster|replicate | 3 | admin | - | -
cluster|reset | -2 | admin | - | -
cluster|saveconfig | 2 | admin | - | -
cluster|set-config-epoch | 3 | admin | - | -
cluster|setslot | -4 | admin | - | -
cluster|shards | 2 | - | - | -
cluster|slaves | 3 | admin | - | -
cluster|slots | 2 | - | - | -
command | -1 | - | - | -
command|count | 2 | - | - | -
command|docs | -2 | - | - | -
command|getkeys | -4 | - | - | -
command|getkeysandflags | -4 | - | - | -
command|help | 2 | - | - | -
command|info | -2 | - | - | -
command|list | -2 | - | - | -
config | -2 | - | - | -
config|get | -3 | admin | - | -
config|help | 2 | - | - | -
config|resetstat | 2 | admin | - | -
config|rewrite | 2 | admin | - | -
config|set | -4 | admin | - | all_nodes all_succeeded
copy | -3 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
dbsize | 1 | readonly | - | all_shards agg_sum
debug | -2 | admin | - | -
decr | 2 | write | index 1 range 0 1 0 | -
decrby | 3 | write | index 1 range 0 1 0 | -
del | -2 | write | index 1 range -1 1 0 | multi_shard agg_sum
discard | 1 | - | - | -
dump | 2 | readonly | index 1 range 0 1 0 | -
echo | 2 | - | - | -
eval | -3 | - | index 2 keynum 0 1 1 | -
eval_ro | -3 | readonly | index 2 keynum 0 1 1 | -
evalsha | -3 | - | index 2 keynum 0 1 1 | -
evalsha_ro | -3 | readonly | index 2 keynum 0 1 1 | -
exec | 1 | - | - | -
exists | -2 | readonly | index 1 range -1 1 0 | multi_shard agg_sum
expire | -3 | write | index 1 range 0 1 0 | -
expireat | -3 | write | index 1 range 0 1 0 | -
expiretime | 2 | readonly | index 1 range 0 1 0 | -
failover | -1 | admin | - | -
fcall | -3 | - | index 2 keynum 0 1 1 | -
fcall_ro | -3 | readonly | index 2 keynum 0 1 1 | -
flushall | -1 | write | - | all_shards all_succeeded
flushdb | -1 | write | - | all_shards all_succeeded
function | -2 | - | - | -
function|delete | 3 | write | - | all_shards all_succeeded
function|dump | 2 | - | - | -
function|flush | -2 | write | - | all_shards all_succeeded
function|help | 2 | - | - | -
function|kill | 2 | - | - | all_shards one_succeeded
function|list | -2 | - | - | -
function|load | -3 | write | - | all_shards all_succeeded
function|restore | -3 | write | - | all_shards all_succeeded
function|stats | 2 | - | - | all_shards special
geoadd | -5 | write | index 1 range 0 1 0 | -
geodist | -4 | readonly | index 1 range 0 1 0 | -
geohash | -2 | readonly | index 1 range 0 1 0 | -
geopos | -2 | readonly | index 1 range 0 1 0 | -
georadius | -6 | write | index 1 range 0 1 0, keyword STORE 6 range 0 1 0, keyword STOREDIST 6 range 0 1 0 | -
georadius_ro | -6 | readonly | index 1 range 0 1 0 | -
georadiusbymember | -5 | write | index 1 range 0 1 0, keyword STORE 5 range 0 1 0, keyword STOREDIST 5 range 0 1 0 | -
georadiusbymember_ro | -5 | readonly | index 1 range 0 1 0 | -
geosearch | -7 | readonly | index 1 range 0 1 0 | -
geosearchstore | -8 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
get | 2 | readonly | index 1 range 0 1 0 | -
getbit | 3 | readonly | index 1 range 0 1 0 | -
getdel | 2 | write | index 1 range 0 1 0 | -
getex | -2 | write | index 1 range 0 1 0 | -
getrange | 4 | readonly | index 1 range 0 1 0 | -
getset | 3 | write | index 1 range 0 1 0 | -
hdel | -3 | write | index 1 range 0 1 0 | -
hello | -1 | - | - | -
hexists | 3 | readonly | index 1 range 0 1 0 | -
hget | 3 | readonly | index 1 range 0 1 0 | -
hgetall | 2 | readonly | index 1 range 0 1 0 | -
hincrby | 4 | write | index 1 range 0 1 0 | -
hincrbyfloat | 4 | write | index 1 range 0 1 0 | -
hkeys | 2 | readonly | index 1 range 0 1 0 | -
hlen | 2 | readonly | index 1 range 0 1 0 | -
hmget | -3 | readonly | index 1 range 0 1 0 | -
hmset | -4 | write | index 1 range 0 1 0 | -
hrandfield | -2 | readonly | index 1 range 0 1 0 | -
hscan | -3 | readonly | index 1 range 0 1 0 | -
hset | -4 | write | index 1 range 0 1 0 | -
hsetnx | 4 | write | index 1 range 0 1 0 | -
hstrlen | 3 | readonly | index 1 range 0 1 0 | -
hvals | 2 | readonly | index 1 range 0 1 0 | -
incr | 2 | write | index 1 range 0 1 0 | -
incrby | 3 | write | index 1 range 0 1 0 | -
incrbyfloat | 3 | write | index 1 range 0 1 0 | -
info | -1 | - | - | all_shards special
keys | 2 | readonly | - | all_shards
lastsave | 1 | - | - | -
latency | -2 | - | - | -
latency|doctor | 2 | admin | - | all_nodes special
latency|graph | 3 | admin | - | all_nodes special
latency|help | 2 | - | - | -
latency|histogram | -2 | admin | - | all_nodes special
latency|history | 3 | admin | - | all_nodes special
latency|latest | 2 | admin | - | all_nodes special
latency|reset | -2 | admin | - | all_nodes all_succeeded
lcs | -3 | readonly | index 1 range 1 1 0 | -
lindex | 3 | readonly | index 1 range 0 1 0 | -
linsert | 5 | write | index 1 range 0 1 0 | -
llen | 2 | readonly | index 1 range 0 1 0 | -
lmove | 5 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
lmpop | -4 | write | index 1 keynum 0 1 1 | -
lolwut | -1 | readonly | - | -
lpop | -2 | write | index 1 range 0 1 0 | -
lpos | -3 | readonly | index 1 range 0 1 0 | -
lpush | -3 | write | index 1 range 0 1 0 | -
lpushx | -3 | write | index 1 range 0 1 0 | -
lrange | 4 | readonly | index 1 range 0 1 0 | -
lrem | 4 | write | index 1 range 0 1 0 | -
lset | 4 | write | index 1 range 0 1 0 | -
ltrim | 4 | write | index 1 range 0 1 0 | -
memory | -2 | - | - | -
memory|doctor | 2 | - | - | all_shards special
memory|help | 2 | - | - | -
memory|malloc-stats | 2 | - | - | all_shards special
memory|purge | 2 | - | - | all_shards all_succeeded
memory|stats | 2 | - | - | all_shards special
memory|usage | -3 | readonly | index 2 range 0 1 0 | -
mget | -2 | readonly | index 1 range -1 1 0 | multi_shard
migrate | -6 | write | index 3 range 0 1 0, keyword KEYS -2 range -1 1 0 | -
module | -2 | - | - | -
module|help | 2 | - | - | -
module|list | 2 | admin | - | -
module|load | -3 | admin | - | -
module|loadex | -3 | admin | - | -
module|unload | 3 | admin | - | -
monitor | 1 | admin | - | -
move | 3 | write | index 1 range 0 1 0 | -
mset | -3 | write | index 1 range -1 2 0 | multi_shard all_succeeded
msetnx | -3 | write | index 1 range -1 2 0 | multi_shard agg_min
multi | 1 | - | - | -
object | -2 | - | - | -
object|encoding | 3 | readonly | index 2 range 0 1 0 | -
object|freq | 3 | readonly | index 2 range 0 1 0 | -
object|help | 2 | - | - | -
object|idletime | 3 | readonly | index 2 range 0 1 0 | -
object|refcount | 3 | readonly | index 2 range 0 1 0 | -
persist | 2 | write | index 1 range 0 1 0 | -
pexpire | -3 | write | index 1 range 0 1 0 | -
pexpireat | -3 | write | index 1 range 0 1 0 | -
pexpiretime | 2 | readonly | index 1 range 0 1 0 | -
pfadd | -2 | write | index 1 range 0 1 0 | -
pfcount | -2 | readonly | index 1 range -1 1 0 | -
pfdebug | 3 | write admin | index 2 range 0 1 0 | -
pfmerge | -2 | write | index 1 range 0 1 0, index 2 range -1 1 0 | -
pfselftest | 1 | admin | - | -
ping | -1 | - | - | all_shards all_succeeded
psetex | 4 | write | index 1 range 0 1 0 | -
psubscribe | -2 | pubsub | - | -
psync | -3 | admin no_multi | - | -
pttl | 2 | readonly | index 1 range 0 1 0 | -
publish | 3 | pubsub | - | -
pubsub | -2 | - | - | -
pubsub|channels | -2 | pubsub | - | -
pubsub|help | 2 | - | - | -
pubsub|numpat | 2 | pubsub | - | -
pubsub|numsub | -2 | pubsub | - | -
pubsub|shardchannels | -2 | pubsub | - | -
pubsub|shardnumsub | -2 | pubsub | - | -
punsubscribe | -1 | pubsub | - | -
quit | -1 | - | - | -
randomkey | 1 | readonly | - | all_shards
readonly | 1 | - | - | -
readwrite | 1 | - | - | -
rename | 3 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
renamenx | 3 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
replconf | -1 | admin | - | -
replicaof | 3 | admin | - | -
reset | 1 | - | - | -
restore | -4 | write | index 1 range 0 1 0 | -
restore-asking | -4 | write | index 1 range 0 1 0 | -
role | 1 | - | - | -
rpop | -2 | write | index 1 range 0 1 0 | -
rpoplpush | 3 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
rpush | -3 | write | index 1 range 0 1 0 | -
rpushx | -3 | write | index 1 range 0 1 0 | -
sadd | -3 | write | index 1 range 0 1 0 | -
save | 1 | admin no_multi | - | -
scan | -2 | readonly | - | special
scard | 2 | readonly | index 1 range 0 1 0 | -
script | -2 | - | - | -
script|debug | 3 | - | - | -
script|exists | -3 | - | - | all_shards agg_logical_and
script|flush | -2 | - | - | all_nodes all_succeeded
script|help | 2 | - | - | -
script|kill | 2 | - | - | all_shards one_succeeded
script|load | 3 | - | - | all_nodes all_succeeded
sdiff | -2 | readonly | index 1 range -1 1 0 | -
sdiffstore | -3 | write | index 1 range 0 1 0, index 2 range -1 1 0 | -
select | 2 | - | - | -
set | -3 | write | index 1 range 0 1 0 | -
setbit | 4 | write | index 1 range 0 1 0 | -
setex | 4 | write | index 1 range 0 1 0 | -
setnx | 3 | write | index 1 range 0 1 0 | -
setrange | 4 | write | index 1 range 0 1 0 | -
shutdown | -1 | admin no_multi | - | -
sinter | -2 | readonly | index 1 range -1 1 0 | -
sintercard | -3 | readonly | index 1 keynum 0 1 1 | -
sinterstore | -3 | write | index 1 range 0 1 0, index 2 range -1 1 0 | -
sismember | 3 | readonly | index 1 range 0 1 0 | -
slaveof | 3 | admin | - | -
slowlog | -2 | - | - | -
slowlog|get | -2 | admin | - | all_nodes
slowlog|help | 2 | - | - | -
slowlog|len | 2 | admin | - | all_nodes agg_sum
slowlog|reset | 2 | admin | - | all_nodes all_succeeded
smembers | 2 | readonly | index 1 range 0 1 0 | -
smismember | -3 | readonly | index 1 range 0 1 0 | -
smove | 4 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
sort | -2 | write | index 1 range 0 1 0, unknown unknown, unknown unknown | -
sort_ro | -2 | readonly | index 1 range 0 1 0, unknown unknown | -
spop | -2 | write | index 1 range 0 1 0 | -
spublish | 3 | pubsub | index 1 range 0 1 0 | -
srandmember | -2 | readonly | index 1 range 0 1 0 | -
srem | -3 | write | index 1 range 0 1 0 | -
sscan | -3 | readonly | index 1 range 0 1 0 | -
ssubscribe | -2 | pubsub | index 1 range -1 1 0 | -
strlen | 2 | readonly | index 1 range 0 1 0 | -
subscribe | -2 | pubsub | - | -
substr | 4 | readonly | index 1 range 0 1 0 | -
sunion | -2 | readonly | index 1 range -1 1 0 | -
sunionstore | -3 | write | index 1 range 0 1 0, index 2 range -1 1 0 | -
sunsubscribe | -1 | pubsub | index 1 range -1 1 0 | -
swapdb | 3 | write | - | -
sync | 1 | admin no_multi | - | -
time | 1 | - | - | -
touch | -2 | readonly | index 1 range -1 1 0 | multi_shard agg_sum
ttl | 2 | readonly | index 1 range 0 1 0 | -
type | 2 | readonly | index 1 range 0 1 0 | -
unlink | -2 | write | index 1 range -1 1 0 | multi_shard agg_sum
unsubscribe | -1 | pubsub | - | -
unwatch | 1 | - | - | -
wait | 3 | - | - | all_shards agg_min
watch | -2 | - | index 1 range -1 1 0 | -
xack | -4 | write | index 1 range 0 1 0 | -
xadd | -5 | write | index 1 range 0 1 0 | -
xautoclaim | -6 | write | index 1 range 0 1 0 | -
xclaim | -6 | write | index 1 range 0 1 0 | -
xdel | -3 | write | index 1 range 0 1 0 | -
xgroup | -2 | - | - | -
xgroup|create | -5 | write | index 2 range 0 1 0 | -
xgroup|createconsumer | 5 | write | index 2 range 0 1 0 | -
xgroup|delconsumer | 5 | write | index 2 range 0 1 0 | -
xgroup|destroy | 4 | write | index 2 range 0 1 0 | -
xgroup|help | 2 | - | - | -
xgroup|setid | -5 | write | index 2 range 0 1 0 | -
xinfo | -2 | - | - | -
xinfo|consumers | 4 | readonly | index 2 range 0 1 0 | -
xinfo|groups | 3 | readonly | index 2 range 0 1 0 | -
xinfo|help | 2 | - | - | -
xinfo|stream | -3 | readonly | index 2 range 0 1 0 | -
xlen | 2 | readonly | index 1 range 0 1 0 | -
xpending | -3 | readonly | index 1 range 0 1 0 | -
xrange | -4 | readonly | index 1 range 0 1 0 | -
xread | -4 | readonly blocking | keyword STREAMS 1 range -1 1 2 | -
xreadgroup | -7 | write blocking | keyword STREAMS 4 range -1 1 2 | -
xrevrange | -4 | readonly | index 1 range 0 1 0 | -
xsetid | -3 | write | index 1 range 0 1 0 | -
xtrim | -4 | write | index 1 range 0 1 0 | -
zadd | -4 | write | index 1 range 0 1 0 | -
zcard | 2 | readonly | index 1 range 0 1 0 | -
zcount | 4 | readonly | index 1 range 0 1 0 | -
zdiff | -3 | readonly | index 1 keynum 0 1 1 | -
zdiffstore | -4 | write | index 1 range 0 1 0, index 2 keynum 0 1 1 | -
zincrby | 4 | write | index 1 range 0 1 0 | -
zinter | -3 | readonly | index 1 keynum 0 1 1 | -
zintercard | -3 | readonly | index 1 keynum 0 1 1 | -
zinterstore | -4 | write | index 1 range 0 1 0, index 2 keynum 0 1 1 | -
zlexcount | 4 | readonly | index 1 range 0 1 0 | -
zmpop | -4 | write | index 1 keynum 0 1 1 | -
zmscore | -3 | readonly | index 1 range 0 1 0 | -
zpopmax | -2 | write | index 1 range 0 1 0 | -
zpopmin | -2 | write | index 1 range 0 1 0 | -
zrandmember | -2 | readonly | index 1 range 0 1 0 | -
zrange | -4 | readonly | index 1 range 0 1 0 | -
zrangebylex | -4 | readonly | index 1 range 0 1 0 | -
zrangebyscore | -4 | readonly | index 1 range 0 1 0 | -
zrangestore | -5 | write | index 1 range 0 1 0, index 2 range 0 1 0 | -
zrank | 3 | readonly | index 1 range 0 1 0 | -
zrem | -3 | write | index 1 range 0 1 0 | -
zremrangebylex | 4 | write | index 1 range 0 1 0 | -
zremrangebyrank | 4 | write | index 1 range 0 1 0 | -
zremrangebyscore | 4 | write | index 1 range 0 1 0 | -
zrevrange | -4 | readonly | index 1 range 0 1 0 | -
zrevrangebylex | -4 | readonly | index 1 range 0 1 0 | -
zrevrangebyscore | -4 | readonly | index 1 range 0 1 0 | -
zrevrank | 3 | readonly | index 1 range 0 1 0 | -
zscan | -3 | readonly | index 1 range 0 1 0 | -
zscore | 3 | readonly | index 1 range 0 1 0 | -
zunion | -3 | readonly | index 1 keynum 0 1 1 | -
zunionstore | -4 | write | index 1 range 0 1 0, index 2 keynum 0 1 1 | -
`
