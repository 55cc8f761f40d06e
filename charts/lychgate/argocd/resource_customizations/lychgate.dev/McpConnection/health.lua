-- The health of a McpConnection, by what the operator says of its newest generation.
local degraded_by = { "Accepted", "Ready" }
local healthy_by = { "Accepted", "Ready" }

local generation = obj.metadata.generation or 0
local status = obj.status or {}

local function is_behind(observed)
  return observed == nil or observed < generation
end

local function find(name)
  for _, condition in ipairs(status.conditions or {}) do
    if condition.type == name and not is_behind(condition.observedGeneration) then
      return condition
    end
  end
  return { status = "Unknown", message = name .. " is not known yet" }
end

if is_behind(status.observedGeneration) then
  return { status = "Progressing", message = "The operator has not looked at the last change yet" }
end
for _, name in ipairs(degraded_by) do
  local condition = find(name)
  if condition.status == "False" then
    return { status = "Degraded", message = condition.message or name .. " is False" }
  end
end
local tools = find("ToolsPinned")
if tools.status == "False" and tools.reason == "ToolsChanged" then
  return { status = "Degraded", message = tools.message or "A tool is not what was pinned" }
end
for _, name in ipairs(healthy_by) do
  local condition = find(name)
  if condition.status ~= "True" then
    return { status = "Progressing", message = condition.message or name .. " is not True yet" }
  end
end
return { status = "Healthy", message = find(healthy_by[#healthy_by]).message }
