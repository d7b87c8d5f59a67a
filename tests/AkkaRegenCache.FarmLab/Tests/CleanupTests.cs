using System.Diagnostics;
using System.Globalization;
using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Wire;
using Xunit;

namespace AkkaRegenCache.FarmLab.Tests;

/// <summary>Nothing outlives a lab, however it ends.</summary>
public sealed class CleanupTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [LabFact]
    public async Task An_exception_leaves_no_process_behind()
    {
        int[] processes = [];
        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            var options = new LabOptions { Scenario = "cold", Nodes = 2 };
            await using var farm = await LabFarm.StartAsync(options, new FarmNeeds(), _ => { }, CancellationToken.None);
            processes = [farm.Server!.ProcessId, .. farm.Nodes.Select(node => node.ProcessId)];
            farm.Nodes[0].Stop();
            throw new InvalidOperationException("Something went wrong.");
        });
        Assert.Equal(3, processes.Length);
        await Wait.UntilAsync(() => !processes.Any(Lives), s_patience, "all are gone");
    }

    [LabFact]
    public async Task A_killed_controller_leaves_no_process_behind()
    {
        // Its children are found where Linux lists them.
        if (!OperatingSystem.IsLinux())
            return;
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[typeof(LabRun).Assembly.Location, "warm", "--seconds", "60", "--nodes", "2"])
            start.ArgumentList.Add(argument);
        using var controller = Process.Start(start)!;
        int[] children = [];
        try
        {
            // The guard, Redis, the origin, two nodes.
            await Wait.UntilAsync(() => (children = ChildrenOf(controller.Id)).Length == 5, s_patience, "its processes have started");
        }
        finally
        {
            Signals.Kill(controller.Id);
            await controller.WaitForExitAsync();
        }

        await Wait.UntilAsync(() => !children.Any(Lives), s_patience, "its processes have ended");
    }

    private static int[] ChildrenOf(int processId)
    {
        var children = new List<int>();
        foreach (var thread in Directory.GetDirectories($"/proc/{processId}/task"))
        {
            var file = Path.Combine(thread, "children");
            if (File.Exists(file))
                children.AddRange(File.ReadAllText(file).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    .Select(id => int.Parse(id, CultureInfo.InvariantCulture)));
        }

        return [.. children];
    }

    // A child of a killed parent is waited for by the system; until then it is listed as dead.
    private static bool Lives(int processId)
    {
        try
        {
            return !OperatingSystem.IsLinux() || !File.ReadAllText($"/proc/{processId}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or IOException)
        {
            return false;
        }
    }
}
