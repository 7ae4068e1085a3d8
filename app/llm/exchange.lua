-- One exchange of a process with the limits that all processes share, atomically: it gives back
-- places, corrects estimates, tells of a 429, and takes as many places as all limits allow.
-- KEYS: places (zset: id -> end of lease, ms), spent (hash: c<second>, t<second>),
--       state (hash: epoch, pause, cut_at, cut_to), seen (hash: process -> ms),
--       waiting (hash: process -> ms)
-- ARGV[1]: JSON, as `SharedLimits` writes it. Answers JSON. The clock is this server's.

local WINDOW_S, KEPT_MS = 62, 3600000
local SEEN_MS, WAITING_MS, RECOVERY_MS, CUT_EVERY_MS = 120000, 1000, 30000, 1000

local ask = cjson.decode(ARGV[1])
local places, spent, state, seen, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local time = redis.call('TIME')
local second = tonumber(time[1])
local now = second * 1000 + math.floor(tonumber(time[2]) / 1000)

redis.call('HSETNX', state, 'epoch', ask.nonce)
local epoch = redis.call('HGET', state, 'epoch')
for _, id in ipairs(ask.held) do redis.call('ZADD', places, now + id[2], id[1]) end
for _, id in ipairs(ask.ended) do redis.call('ZREM', places, id) end
for _, one in ipairs(ask.corrections) do
  if redis.call('HEXISTS', spent, 't' .. one[1]) == 1 then
    redis.call('HINCRBY', spent, 't' .. one[1], one[2])
  end
end
redis.call('ZREMRANGEBYSCORE', places, '-inf', now)

-- How many places there are just now: after a 429 half, growing back evenly.
local function places_max()
  local cut_at = tonumber(redis.call('HGET', state, 'cut_at') or '0')
  if now - cut_at >= RECOVERY_MS then return ask.concurrency end
  local cut_to = tonumber(redis.call('HGET', state, 'cut_to'))
  local grown = (ask.concurrency - cut_to) * (now - cut_at) / RECOVERY_MS
  return math.max(1, math.floor(cut_to + grown))
end

if ask.pause_ms > 0 then
  local told = tonumber(redis.call('HGET', state, 'pause') or '0')
  if now - tonumber(redis.call('HGET', state, 'cut_at') or '0') >= CUT_EVERY_MS then
    redis.call('HSET', state, 'cut_to', math.max(1, math.floor(places_max() / 2)), 'cut_at', now)
  end
  redis.call('HSET', state, 'pause', math.max(told, now + ask.pause_ms))
end

redis.call('HSET', seen, ask.process, now)
local processes = 0
local all = redis.call('HGETALL', seen)
for place = 1, #all, 2 do
  if now - tonumber(all[place + 1]) < SEEN_MS then processes = processes + 1
  else redis.call('HDEL', seen, all[place]) end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, KEPT_MS) end

local granted, hint = 0, 0
local paused = math.max(0, tonumber(redis.call('HGET', state, 'pause') or '0') - now)
if ask.epoch ~= epoch then
  -- Data was lost, or the process is new here: it says first what it holds.
  return cjson.encode({epoch = epoch, granted = 0, hint = 0, paused = paused,
                       processes = processes, second = second})
end

local contenders = 1
all = redis.call('HGETALL', waiting)
for place = 1, #all, 2 do
  if now - tonumber(all[place + 1]) >= WAITING_MS then redis.call('HDEL', waiting, all[place])
  elseif all[place] ~= ask.process then contenders = contenders + 1 end
end

local total, own = redis.call('ZCARD', places), ask.own
local max = places_max()
local share = max
if contenders > 1 then share = math.ceil(max / contenders) end

-- What was asked and spent in the last minute; a second more at either end, for the way there.
local calls, tokens, oldest = 0, 0, second
if ask.requests or ask.tokens then
  all = redis.call('HGETALL', spent)
  for place = 1, #all, 2 do
    local at = tonumber(string.sub(all[place], 2))
    if at <= second - WINDOW_S then redis.call('HDEL', spent, all[place])
    else
      oldest = math.min(oldest, at)
      if string.sub(all[place], 1, 1) == 'c' then calls = calls + tonumber(all[place + 1])
      else tokens = tokens + tonumber(all[place + 1]) end
    end
  end
end

for _, call in ipairs(ask.calls) do
  if paused > 0 then hint = paused break end
  if total >= max or own >= share then hint = 20 break end
  if (ask.requests and calls + 1 > ask.requests)
    or (ask.tokens and tokens > 0 and tokens + call[2] > ask.tokens) then
    hint = math.max(50, (oldest + WINDOW_S) * 1000 - now)
    break
  end
  redis.call('ZADD', places, now + ask.lease_ms, call[1])
  if ask.requests or ask.tokens then
    redis.call('HINCRBY', spent, 'c' .. second, 1)
    redis.call('HINCRBY', spent, 't' .. second, call[2])
  end
  granted, total, own = granted + 1, total + 1, own + 1
  calls, tokens = calls + 1, tokens + call[2]
end

if ask.waiting > granted and paused == 0 then redis.call('HSET', waiting, ask.process, now)
else redis.call('HDEL', waiting, ask.process) end

return cjson.encode({epoch = epoch, granted = granted, hint = hint, paused = paused,
                     processes = processes, second = second})
