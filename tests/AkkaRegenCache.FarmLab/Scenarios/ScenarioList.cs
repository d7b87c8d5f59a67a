using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Node;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>What is done to a farm, and what is expected of it.</summary>
internal interface IScenario
{
    /// <summary>As given on the command line.</summary>
    string Name { get; }

    /// <summary>What it does, in a line.</summary>
    string Summary { get; }

    FarmNeeds Needs { get; }

    Task RunAsync(Lab lab);
}

/// <summary>The scenarios there are.</summary>
internal static class ScenarioList
{
    public static IReadOnlyList<IScenario> All { get; } =
    [
        new ColdScenario(), WarmScenario.Polled, WarmScenario.Unread, new KillHolderScenario(), new KillCoordinatorScenario(), new PauseHolderScenario(),
        new RedisRestartScenario(), RedisOutageScenario.Refusing, RedisOutageScenario.Hanging, new PausedRestartScenario(), new RollingRestartScenario(), new RollingUpgradeScenario(),
        new ChurnScenario(), new LoadScenario(), new FloodScenario(), new StarveScenario(),
    ];

    /// <exception cref="UsageException">There is no such scenario.</exception>
    public static IScenario Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name)
        ?? throw new UsageException($"There is no scenario '{name}'; known: {string.Join(", ", All.Select(scenario => scenario.Name))}.");
}
