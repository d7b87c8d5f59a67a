using System.Runtime.InteropServices;
using AkkaRegenCache.Demo;
using AkkaRegenCache.Demo.Farm;
using AkkaRegenCache.Demo.Load;
using AkkaRegenCache.Demo.Reporting;

// A node's own process, as the demo starts it.
if (NodeArguments.Parse(args) is { } node)
{
    await ProcessNode.RunAsync(node);
    return 0;
}

DemoOptions options;
KeySource keys;
try
{
    options = DemoOptions.Parse(args);
    if (options.Help)
    {
        Console.WriteLine(DemoOptions.Usage);
        return 0;
    }

    keys = options.Trace is { } path ? TraceKeys.Load(path) : new ZipfKeys(options.Keys);
}
catch (UsageException error)
{
    Console.Error.WriteLine(error.Message);
    Console.Error.WriteLine("--help tells what there is.");
    return 2;
}

// Ctrl-C ends the load early; the summary still comes.
using var interrupted = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

Figures figures;
try
{
    figures = await new DemoRun(options, keys).RunAsync(interrupted.Token);
}
catch (UsageException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}
catch (StartFailedException error)
{
    Console.Error.WriteLine(error.Message);
    return 3;
}
catch (Exception error)
{
    // A fault of the demo's own: whoever reports it needs to know where.
    Console.Error.WriteLine($"The demo can't go on. {error}");
    return 3;
}

Console.WriteLine();
Console.WriteLine(Summary.Of(figures));
if (options.Json)
    Console.WriteLine(figures.ToJson());
return figures.Load.Errors == 0 ? 0 : 1;

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    interrupted.Cancel();
}
