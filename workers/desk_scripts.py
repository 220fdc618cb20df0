"""The Lua scripts of the desk's lines; desk_redis.py describes the keys and runs the scripts.

Before: desk_redis.py registers them. After: Redis runs each as one step. Every script is
idempotent.
"""

_HEAD = """
local P = KEYS[1]
local MOST = 200
local epoch = redis.call('GET', P .. 'epoch')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function regroup(d, c)
  local at = d .. ':' .. c
  local first = redis.call('ZRANGE', P .. 'order:' .. at, 0, 0)[1]
  local old = redis.call('HGET', P .. 'meta:' .. at, 'item')
  if not first then
    redis.call('DEL', P .. 'msgs:' .. at, P .. 'order:' .. at, P .. 'meta:' .. at,
      P .. 'hops:' .. at, P .. 'seen:' .. at)
    redis.call('ZREM', P .. 'ready:' .. d, c)
    redis.call('ZREM', P .. 'leased:' .. d, c)
    if old then redis.call('DEL', P .. 'item:' .. old) end
    return
  end
  if old ~= first and redis.call('HEXISTS', P .. 'msgs:' .. at, old or '') == 0 then
    if old then redis.call('DEL', P .. 'item:' .. old) end
    redis.call('HSET', P .. 'meta:' .. at, 'item', first)
    redis.call('SET', P .. 'item:' .. first, d .. ' ' .. c)
  end
end
local function back(d, c)
  local at = d .. ':' .. c
  redis.call('ZREM', P .. 'leased:' .. d, c)
  redis.call('HDEL', P .. 'meta:' .. at, 'lease', 'agent')
  redis.call('DEL', P .. 'seen:' .. at)
  local score = redis.call('HGET', P .. 'meta:' .. at, 'score')
  if score then redis.call('ZADD', P .. 'ready:' .. d, score, c) end
end
local function held(item, lease)
  local where = redis.call('GET', P .. 'item:' .. item)
  if not where then
    if redis.call('EXISTS', P .. 'done:' .. item) == 1 then return nil, 'lost' end
    return nil, 'unknown'
  end
  local d, c = string.match(where, '^(%S+) (%S+)$')
  local at = d .. ':' .. c
  if redis.call('HGET', P .. 'meta:' .. at, 'lease') ~= lease then return nil, 'lost' end
  local till = redis.call('ZSCORE', P .. 'leased:' .. d, c)
  if not till or tonumber(till) < now then return nil, 'lost' end
  return d, c
end
"""

# department, conversation, message, hops, WorkItem, arrival in ms, score, 1 if it opens nothing
ADD = (
    _HEAD
    + """
local d, c, m, hops, json, arrived, score, quiet = unpack(ARGV)
local at = d .. ':' .. c
local done = redis.call('GET', P .. 'done:' .. m)
if done and tonumber(done) >= tonumber(hops) then return 0 end
local has = redis.call('HGET', P .. 'hops:' .. at, m)
if has and tonumber(has) >= tonumber(hops) then return 0 end
local item = redis.call('HGET', P .. 'meta:' .. at, 'item')
if quiet == '1' and not item then return 0 end
redis.call('HSET', P .. 'msgs:' .. at, m, json)
redis.call('HSET', P .. 'hops:' .. at, m, hops)
redis.call('SREM', P .. 'seen:' .. at, m)
redis.call('ZADD', P .. 'order:' .. at, arrived, m)
if not item then
  redis.call('HSET', P .. 'meta:' .. at, 'item', m, 'score', score)
  redis.call('SET', P .. 'item:' .. m, d .. ' ' .. c)
  redis.call('ZADD', P .. 'ready:' .. d, score, c)
  return 1
end
local old = redis.call('HGET', P .. 'meta:' .. at, 'score')
if tonumber(score) < tonumber(old) then
  redis.call('HSET', P .. 'meta:' .. at, 'score', score)
  if redis.call('ZSCORE', P .. 'ready:' .. d, c) then
    redis.call('ZADD', P .. 'ready:' .. d, score, c)
  end
end
return 1
"""
)

# department, agent, lease in ms, count
CLAIM = (
    _HEAD
    + """
if not epoch then return {'rebuild'} end
local d, agent, lease_ms, count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local late = redis.call('ZRANGEBYSCORE', P .. 'leased:' .. d, '-inf', '(' .. now, 'LIMIT', 0, 100)
for _, c in ipairs(late) do back(d, c) end
local made = {'ok', tostring(#late)}
for _, c in ipairs(redis.call('ZRANGE', P .. 'ready:' .. d, 0, count - 1)) do
  local at = d .. ':' .. c
  redis.call('ZREM', P .. 'ready:' .. d, c)
  local token = epoch .. '.' .. redis.call('INCR', P .. 'fence')
  redis.call('HSET', P .. 'meta:' .. at, 'lease', token, 'agent', agent)
  redis.call('ZADD', P .. 'leased:' .. d, now + lease_ms, c)
  made[#made + 1] = redis.call('HGET', P .. 'meta:' .. at, 'item')
  made[#made + 1] = token
  made[#made + 1] = tostring(now + lease_ms)
  local ids = redis.call('ZRANGE', P .. 'order:' .. at, 0, MOST - 1)
  redis.call('DEL', P .. 'seen:' .. at)
  redis.call('SADD', P .. 'seen:' .. at, unpack(ids))
  made[#made + 1] = redis.call('HMGET', P .. 'msgs:' .. at, unpack(ids))
end
return made
"""
)

# item, lease, lease in ms, 1 to show what came meanwhile: extend it, and return what was shown
HOLD = (
    _HEAD
    + """
if not epoch then return {'rebuild'} end
local d, c = held(ARGV[1], ARGV[2])
if not d then return {c} end
local at = d .. ':' .. c
redis.call('ZADD', P .. 'leased:' .. d, now + tonumber(ARGV[3]), c)
local ids = {}
for _, m in ipairs(redis.call('ZRANGE', P .. 'order:' .. at, 0, MOST - 1)) do
  if ARGV[4] == '1' then redis.call('SADD', P .. 'seen:' .. at, m) end
  if redis.call('SISMEMBER', P .. 'seen:' .. at, m) == 1 then ids[#ids + 1] = m end
end
if #ids == 0 then return {'lost'} end
return {'ok', d, redis.call('HGET', P .. 'meta:' .. at, 'agent'), tostring(now + tonumber(ARGV[3])),
        redis.call('HMGET', P .. 'msgs:' .. at, unpack(ids))}
"""
)

# item, lease: give it back
RELEASE = (
    _HEAD
    + """
if not epoch then return {'rebuild'} end
local d, c = held(ARGV[1], ARGV[2])
if not d then return {c} end
back(d, c)
return {'ok'}
"""
)

# department, conversation, milliseconds to remember, then message and hops in turn
CLOSE = (
    _HEAD
    + """
local d, c, keep = ARGV[1], ARGV[2], ARGV[3]
local at, gone = d .. ':' .. c, 0
for i = 4, #ARGV, 2 do
  local m, hops = ARGV[i], tonumber(ARGV[i + 1])
  local done = redis.call('GET', P .. 'done:' .. m)
  if not done or tonumber(done) < hops then
    redis.call('SET', P .. 'done:' .. m, hops, 'PX', keep)
  end
  local has = redis.call('HGET', P .. 'hops:' .. at, m)
  if has and tonumber(has) <= hops then
    gone = gone + redis.call('HDEL', P .. 'msgs:' .. at, m)
    redis.call('HDEL', P .. 'hops:' .. at, m)
    redis.call('ZREM', P .. 'order:' .. at, m)
  end
end
if gone > 0 then
  regroup(d, c)
  if redis.call('EXISTS', P .. 'meta:' .. at) == 1 then back(d, c) end
end
return gone
"""
)


BEGIN = """
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1] .. 'epoch', ARGV[1])
return 1
"""
