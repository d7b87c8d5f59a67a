using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Scenarios;

namespace AkkaRegenCache.FarmLab;

/// <summary>Runs a scenario on a farm of its own. Leaves no process and no file behind.</summary>
public static class LabRun
{
    /// <summary>Runs one.</summary>
    /// <param name="options">Which, and how.</param>
    /// <param name="say">Gets a line for each thing that happens.</param>
    /// <param name="cancellationToken">Ends it early, with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>What came out; promises that were broken are in it.</returns>
    /// <exception cref="UsageException">It can't run here, or not with these options.</exception>
    public static async Task<LabReport> RunAsync(LabOptions options, Action<string> say, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(say);
        var scenario = ScenarioList.Find(options.Scenario);
        var report = new LabReport { Scenario = scenario.Name, Mode = options.Mode, Nodes = options.Nodes, Seed = options.Seed };
        say($"{scenario.Name}: {scenario.Summary}; {options.Nodes} nodes, mode {options.Mode}, seed {options.Seed}");
        var farm = await LabFarm.StartAsync(options, scenario.Needs, say, cancellationToken);
        await using (farm)
        {
            await scenario.RunAsync(new Lab(options, farm, report, say, cancellationToken));
            if (report.Violations.Count > 0 && options.IsVerbose)
            {
                foreach (var node in farm.Nodes)
                    say($"--- {node.Name} wrote last:\n{node.Output}");
            }
        }

        return report;
    }
}
