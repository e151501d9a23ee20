# The research PC's evening on the workspace that holds this script: collect, backtest, reconcile, report, bundle, publish.
# Arguments are passed on; the exit code is the program's: 0 done, 2 blocked, 3 fault, 64 wrong usage.
# DAILY_OPS_BIN names another program, DAILY_OPS_ROOT another workspace.
#
# Task Scheduler, every day at 19:00 (a missed start is made up for; the result of the task is the exit code):
#   $action = New-ScheduledTaskAction -Execute 'powershell.exe' `
#     -Argument '-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "C:\daily-ops\deploy\pc\daily_ops_pc.ps1"'
#   $trigger = New-ScheduledTaskTrigger -Daily -At 19:00
#   $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -ExecutionTimeLimit (New-TimeSpan -Hours 2) `
#     -MultipleInstances IgnoreNew
#   Register-ScheduledTask -TaskName 'daily-ops pc' -Action $action -Trigger $trigger -Settings $settings
# The time is that of the machine's zone; on a PC that is not set to Korean time convert it.

$ErrorActionPreference = 'Stop'

$root = [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($PSScriptRoot, '..', '..'))
if (-not $env:DAILY_OPS_ROOT) { $env:DAILY_OPS_ROOT = $root }

$program = $env:DAILY_OPS_BIN
if (-not $program) {
    # A program that lies in the workspace is preferred to one that is installed.
    $beside = [System.IO.Path]::Combine($root, 'bin', 'daily_ops.exe')
    if (Test-Path -LiteralPath $beside -PathType Leaf) { $program = $beside } else { $program = 'daily_ops' }
}
$found = Get-Command -Name $program -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
if (-not $found) {
    [Console]::Error.WriteLine("daily_ops_pc.ps1: cannot find the program $program; set DAILY_OPS_BIN to its path")
    exit 3
}

# What the program says is UTF-8, on whatever code page the console is.
try { [Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false) } catch { Write-Verbose "no console: $_" }
# A scheduled task has no terminal: git and ssh must fail instead of asking.
$env:GIT_TERMINAL_PROMPT = '0'

# A line on standard error is the program's story and no error of this script.
$ErrorActionPreference = 'Continue'
& $found.Source pc run @args
exit $LASTEXITCODE
