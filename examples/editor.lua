-- jelmored in Neovim 0.7 or later, to learn the protocol from (docs/protocol.md). Needs the command `jelmore`.
-- After `nvim -S examples/editor.lua`, `:Jelmore PROMPT` begins a session in this directory, and says more to it later:
-- what you say while it works goes into the turn that runs. `:JelmoreStop` interrupts, `:JelmoreAttach SESSION` follows
-- a session that there is. What is asked is asked with vim.ui. `vim.g.jelmore_provider` names a provider.

local connect, job, turn, buffer
local cursor = { after = "start" } -- how far we have seen the session's log
local shown = {} -- how many characters of each text the user has seen
local replies, rest = {}, ""

--- Text at the end of the buffer.
local function write(text)
  buffer = buffer or vim.api.nvim_create_buf(true, true)
  if vim.fn.bufwinid(buffer) == -1 then vim.cmd("sbuffer " .. buffer) end
  local lines = vim.split(text, "\n", { plain = true })
  lines[1] = vim.api.nvim_buf_get_lines(buffer, -2, -1, false)[1] .. lines[1]
  vim.api.nvim_buf_set_lines(buffer, -2, -1, false, lines)
end

local function send(method, params, after)
  table.insert(replies, after or function() end)
  local message = { jsonrpc = "2.0", id = #replies, method = method, params = params }
  pcall(vim.fn.chansend, job, vim.json.encode(message) .. "\n") -- a lost connection is seen by `on_exit`
end

--- What is new of a text. Behind a gap nothing is shown: the event that closes the item has the whole text.
local function show(item, offset, text)
  local seen, length = shown[item] or 0, vim.fn.strchars(text) -- offsets count code points
  if offset > seen or offset + length <= seen then return end
  write(vim.fn.strcharpart(text, seen - offset))
  shown[item] = offset + length
end

--- From behind the last event that we saw: over a lost connection none is missed and none comes twice.
local function follow(id, prompt)
  cursor.sessionId = id
  send("session/subscribe", cursor, function(stand) cursor.logId = stand.logId end)
  if prompt then send("session/prompt", { sessionId = id, prompt = prompt }) end
end

local function resolve(approval, answer)
  send("approval/resolve", vim.tbl_extend("error", { approvalId = approval.approvalId }, answer))
end

--- One question after the other; of some, several options may be chosen: `1,3`. Words of one's own are fine too.
local function answer(approval, place, answers)
  local question = approval.questions[place]
  if not question then return resolve(approval, { answers = answers }) end
  local lines = { question.question }
  for number, option in ipairs(question.options) do table.insert(lines, number .. " " .. option.label) end
  vim.ui.input({ prompt = table.concat(lines, "\n") .. "\n> " }, function(words)
    if not words then return resolve(approval, { cancelled = true }) end
    answers[question.id] = vim.tbl_map(function(word)
      return (question.options[tonumber(word)] or { label = word }).label
    end, vim.split(words, ","))
    answer(approval, place + 1, answers)
  end)
end

local function ask(approval)
  write("\n? " .. approval.title .. "\n")
  for _, diff in ipairs(approval.diffs or {}) do write(vim.diff(diff.oldText .. "\n", diff.newText .. "\n")) end
  if approval.kind == "question" then return answer(approval, 1, {}) end
  local look = function(option) return option.name .. (option.scope and " (" .. option.scope .. ")" or "") end
  vim.ui.select(approval.options, { prompt = approval.title, format_item = look }, function(option)
    resolve(approval, option and { optionId = option.optionId } or { cancelled = true })
  end)
end

local function happened(event, about)
  cursor.after, turn = event.seq, event.turn
  if event.eventType == "assistant" then show(about.itemId, 0, event.content) end -- deltas may have been missed
  if event.eventType == "tool_use" then write("\n* " .. event.content .. "\n") end
  if event.eventType == "tool_result" then write("  " .. event.content .. "\n") end
  if event.eventType == "approval_requested" then vim.schedule(function() ask(about) end) end
  if event.eventType == "turn_ended" then write("\n[" .. about.reason .. "]\n") end
end

local function heard(line)
  local message = vim.json.decode(line)
  local params = message.params
  if message.error then return write("[" .. message.error.data.kind .. ": " .. message.error.message .. "]\n") end
  if message.result then return replies[message.id](message.result) end
  if message.method == "session/event" then return happened(params, params.metadata) end
  if message.method == "session/delta" and params.kind == "text" then
    show(params.itemId, params.offset, params.text)
  elseif message.method == "session/caughtUp" then -- what streams just now
    for _, item in ipairs(params.openItems) do if item.kind == "text" then show(item.itemId, 0, item.text) end end
  end
end

--- `jelmore connect` finds the daemon, or starts it. Each line of it is a message, both ways.
function connect()
  local function take(_, data)
    data[1] = rest .. data[1]
    rest = table.remove(data) -- the beginning of a line
    for _, line in ipairs(data) do heard(line) end
  end
  local lost = function() vim.defer_fn(connect, 200) end
  rest, job = "", vim.fn.jobstart({ "jelmore", "connect" }, { on_stdout = take, on_exit = lost })
  send("initialize", { protocolVersion = 1, clientInfo = { name = "editor.lua", version = "1" } })
  if cursor.sessionId then follow(cursor.sessionId) end
end

local command = vim.api.nvim_create_user_command
command("Jelmore", function(given)
  if cursor.sessionId then
    return send("session/prompt", { sessionId = cursor.sessionId, prompt = given.args, whenBusy = "steer" })
  end
  local where = { cwd = vim.fn.getcwd(), provider = vim.g.jelmore_provider }
  send("session/create", where, function(made) follow(made.sessionId, given.args) end)
end, { nargs = "+" })
command("JelmoreAttach", function(given)
  cursor = { after = "start" }
  follow(given.args)
end, { nargs = 1 })
command("JelmoreStop", function()
  send("session/interrupt", { sessionId = cursor.sessionId, expectedTurn = turn })
end, {})
connect()
