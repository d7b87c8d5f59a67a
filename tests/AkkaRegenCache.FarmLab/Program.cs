using System.Globalization;
using System.Runtime.InteropServices;
using AkkaRegenCache.FarmLab;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Origin;

switch (args)
{
    case ["node", ..] when NodeArguments.Of(args) is { } node:
        return await NodeProcess.RunAsync(node);
    case ["origin", "--log", var log]:
        return await OriginProcess.RunAsync(log);
    case [] or [.., "--help" or "-h"]:
        Console.WriteLine(LabOptions.Help);
        return args.Length == 0 ? 2 : 0;
}

// Ctrl-C ends the run by an exception, and everything is cleaned up on its way.
using var interrupted = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    var options = LabOptions.Parse(args);
    var report = await LabRun.RunAsync(options, Say, interrupted.Token);
    foreach (var missed in report.GoalsMissed)
        Console.Error.WriteLine("goal missed: " + missed);
    foreach (var violation in report.Violations)
        Console.Error.WriteLine("broken: " + violation);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{report.Scenario}: {report.Runs} runs (ideal {report.IdealRuns}), {report.Reads} reads, {report.WaitedReads} waited, {report.Errors} errors, {report.WrongAnswers} wrong answers, {report.Violations.Count} violations"));
    if (options.IsJson)
        Console.WriteLine(report.ToJson());
    return report.Violations.Count == 0 ? 0 : 1;
}
catch (UsageException e)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine("--help tells what there is.");
    return 2;
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    Console.Error.WriteLine("Interrupted; all processes are ended.");
    return 2;
}
catch (Exception e)
{
    // A node that doesn't get ready, a server that doesn't start, a fault of the lab's own: nothing was shown, neither good nor bad.
    Console.Error.WriteLine($"The lab can't run: {(e is TimeoutException or InvalidOperationException ? e.Message : e)}");
    return 2;
}

static void Say(string line) => Console.WriteLine(line);

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    interrupted.Cancel();
}
