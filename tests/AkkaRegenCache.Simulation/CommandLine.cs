using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using AkkaRegenCache.Testing.CommandLines;

namespace AkkaRegenCache.Simulation;

/// <summary>What the command line asked for.</summary>
internal sealed class CommandLine
{
    private readonly Option<long?> _seeds = CommandLines.Number(
        "--seeds", 1, long.MaxValue, "How many seeds (default 1000; with --minutes: as many as fit).");
    private readonly Option<int?> _first = CommandLines.Number(
        "--seed", int.MinValue, int.MaxValue, "The first seed (default 1); with --seeds 1 it replays one.");
    private readonly Option<double?> _minutes = CommandLines.Number(
        "--minutes", 0.001, 1e6, "Stop after that many minutes.", NumberStyles.AllowDecimalPoint);
    private readonly Option<Mutant?> _mutant = Named("--mutant", "Plant a bug, which must be found.");
    private readonly Option<Mutant?> _worldsOf = Named(
        "--worlds-of", "The worlds that are drawn for a mutant, without it: no promise may be broken.");
    private readonly Option<bool> _listsMutants = new("--list-mutants") { Description = "The mutants' names, a line each." };
    private readonly Option<bool> _tellsMarks = new("--marks") { Description = "Which paths were taken, and how often." };
    private readonly Option<bool> _tellsStory = new("--story") { Description = "A line for each message: with --seeds 1." };
    private readonly Option<bool> _isJson = new("--json") { Description = "One line of JSON, last." };
    private readonly ParseResult _parsed;

    public CommandLine(string[] arguments)
    {
        var command = new RootCommand("Plays seeds of the simulated farm and checks the cache's promises.")
        {
            _seeds, _first, _minutes, _mutant, _worldsOf, _listsMutants, _tellsMarks, _tellsStory, _isJson,
        };
        command.SetAction(_ => 0);
        _parsed = command.Read(arguments);
    }

    /// <summary>What is wrong with it; null: nothing.</summary>
    public string? Refusal => _parsed.Errors.Count > 0 ? _parsed.Answer() : null;

    /// <summary>What <c>--help</c> says; null where it was not asked for.</summary>
    public string? Help => _parsed.GetResult("--help") is OptionResult { Implicit: false } ? _parsed.Answer() : null;

    public long Seeds => _parsed.GetValue(_seeds) ?? (Time == TimeSpan.MaxValue ? 1000 : long.MaxValue);

    public int First => _parsed.GetValue(_first) ?? 1;

    public TimeSpan Time => _parsed.GetValue(_minutes) is { } minutes ? TimeSpan.FromMinutes(minutes) : TimeSpan.MaxValue;

    public Mutant? Mutant => _parsed.GetValue(_mutant);

    public Mutant? WorldsOf => _parsed.GetValue(_worldsOf);

    public bool ListsMutants => _parsed.GetValue(_listsMutants);

    public bool TellsMarks => _parsed.GetValue(_tellsMarks);

    public bool TellsStory => _parsed.GetValue(_tellsStory);

    public bool IsJson => _parsed.GetValue(_isJson);

    private static Option<Mutant?> Named(string name, string description) =>
        CommandLines.Named(name, Mutants.Find, "--list-mutants lists them", description);
}
