using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using AkkaRegenCache.FarmLab.Node;
using AkkaRegenCache.FarmLab.Scenarios;
using AkkaRegenCache.Testing.CommandLines;

namespace AkkaRegenCache.FarmLab;

/// <summary>What the command line asked for.</summary>
public sealed record LabOptions
{
    /// <summary>Which scenario.</summary>
    public required string Scenario { get; init; }

    /// <summary>Node processes.</summary>
    public int Nodes { get; init; } = 5;

    /// <summary>How the nodes share their cache.</summary>
    public string Mode { get; init; } = "redis";

    /// <summary>How soon a cluster finds a dead node: <c>fast</c> or <c>default</c>.</summary>
    public string Failover { get; init; } = Failovers.Fast;

    /// <summary>host:port of a Redis that runs; null: the lab starts its own.</summary>
    public string? Redis { get; init; }

    /// <summary>How long the scenario's main part lasts; null: its own default.</summary>
    public int? Seconds { get; init; }

    /// <summary>Of what is random; drawn, and printed, where it is not given.</summary>
    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    /// <summary>Keys in use; null: the scenario's own default.</summary>
    public int? Keys { get; init; }

    /// <summary>Regeneration interval; null: the scenario's own default.</summary>
    public TimeSpan? Interval { get; init; }

    /// <summary>How often a fault is repeated; null: the scenario's own default.</summary>
    public int? Rounds { get; init; }

    /// <summary>Whether the last line is JSON.</summary>
    public bool IsJson { get; init; }

    /// <summary>How many entries a node's memory may hold; null: the scenario's number.</summary>
    public int? Entries { get; init; }

    /// <summary>Whether the processes' own output is shown.</summary>
    public bool IsVerbose { get; init; }

    /// <summary>What <c>--help</c> says.</summary>
    internal static string Help
    {
        get
        {
            var (command, _) = Describe();
            return command.Read(["--help"]).Answer();
        }
    }

    /// <summary>Reads a command line.</summary>
    /// <exception cref="UsageException">An argument is unknown, has no value, or one that can't be used.</exception>
    public static LabOptions Parse(IReadOnlyList<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var (command, bind) = Describe();
        var parsed = command.Read(arguments);
        return parsed.Errors.Count == 0 ? bind(parsed) : throw new UsageException(parsed.Answer());
    }

    /// <summary>The command line, and what it is when it was read.</summary>
    private static (RootCommand Command, Func<ParseResult, LabOptions> Bind) Describe()
    {
        var modes = string.Join(", ", NodeModes.All.Select(each => each.Name));
        var names = string.Join(", ", ScenarioList.All.Select(each => each.Name));
        var scenario = new Argument<IScenario>("SCENARIO")
        {
            Description = "One of these:\n" + string.Join('\n', ScenarioList.All.Select(each => $"{each.Name,-16} {each.Summary}")),
            CustomParser = argument =>
            {
                var name = argument.Tokens[0].Value;
                var found = ScenarioList.All.FirstOrDefault(each => each.Name == name);
                if (found is null)
                    argument.AddError($"There is no scenario '{name}': {names}.");
                return found!;
            },
        };
        var nodes = CommandLines.Number("--nodes", 2, 16, "Node processes; default 5.");
        var mode = CommandLines.Named(
            "--mode", name => NodeModes.All.FirstOrDefault(each => each.Name == name), modes, $"How the nodes share their cache: {modes}.");
        var failover = CommandLines.Named(
            "--failover", name => name is Failovers.Fast or Failovers.Default ? name : null, $"{Failovers.Fast}, {Failovers.Default}",
            "How soon a cluster finds a dead node: fast (hocon/fast-failover.conf, the default) or default (Akka's own times).");
        var redis = new Option<string?>("--redis")
        {
            HelpName = "HOST:PORT",
            Description = "A Redis that runs (where the scenario doesn't break it); default: one of the lab's own.",
        };
        var seconds = CommandLines.Number("--seconds", 1, 86_400, "How long the main part lasts.");
        var seed = CommandLines.Number("--seed", 0, int.MaxValue, "Of what is random; default: drawn, and printed.");
        var keys = CommandLines.Number("--keys", 1, 1_000_000, "Keys in use.");
        var entries = CommandLines.Number("--entries", 100, 1_000_000, "Entries that a node's memory may hold (flood).");
        var interval = CommandLines.Number(
            "--interval", 0.2, 3600, "Regeneration interval in seconds, with decimals.", NumberStyles.AllowDecimalPoint);
        var rounds = CommandLines.Number(
            "--rounds", 1, 1000, "How often the fault is repeated (kill-holder, pause-holder, kill-coordinator).");
        var json = new Option<bool>("--json") { Description = "One line of JSON, last." };
        var verbose = new Option<bool>("--verbose") { Description = "What the processes write." };
        var command = new RootCommand(
            "Starts a web farm of real processes, breaks it, and checks the cache's promises by what is counted outside the nodes.\n"
            + "Exit code: 0; 1 if a promise was broken (which, is on stderr); 2 if it can't run.")
        {
            scenario, nodes, mode, failover, redis, seconds, seed, keys, entries, interval, rounds, json, verbose,
        };
        command.SetAction(static _ => 0);
        return (command, parsed =>
        {
            var options = new LabOptions { Scenario = parsed.GetRequiredValue(scenario).Name };
            return options with
            {
                Nodes = parsed.GetValue(nodes) ?? options.Nodes,
                Mode = parsed.GetValue(mode)?.Name ?? options.Mode,
                Failover = parsed.GetValue(failover) ?? options.Failover,
                Redis = parsed.GetValue(redis),
                Seconds = parsed.GetValue(seconds),
                Seed = parsed.GetValue(seed) ?? options.Seed,
                Keys = parsed.GetValue(keys),
                Entries = parsed.GetValue(entries),
                Interval = parsed.GetValue(interval) is { } given ? TimeSpan.FromSeconds(given) : null,
                Rounds = parsed.GetValue(rounds),
                IsJson = parsed.GetValue(json),
                IsVerbose = parsed.GetValue(verbose),
            };
        });
    }
}
