using System.Text.Encodings.Web;
using System.Text.Json;

namespace AkkaRegenCache.FarmLab;

/// <summary>What came out of a run. What doesn't apply to a scenario is null.</summary>
public sealed class LabReport
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The scenario's name.</summary>
    public required string Scenario { get; init; }

    /// <summary>How the nodes shared their cache.</summary>
    public required string Mode { get; init; }

    /// <summary>Node processes.</summary>
    public required int Nodes { get; init; }

    /// <summary>Generator runs that the origin counted for the keys of the scenario.</summary>
    public long? Runs { get; set; }

    /// <summary>How many it would have been without faults.</summary>
    public long? IdealRuns { get; set; }

    /// <summary>Generated values that the store accepted.</summary>
    public long? Accepted { get; set; }

    /// <summary>Reads that threw, and requests that a node in good health didn't answer.</summary>
    public long? Errors { get; set; }

    /// <summary>Answers that broke a promise: another key's, gone back, undone by then, too old.</summary>
    public long? WrongAnswers { get; set; }

    /// <summary>All reads.</summary>
    public long? Reads { get; set; }

    /// <summary>Reads that were not complete when the call came back; of warm keys, where the scenario has such.</summary>
    public long? WaitedReads { get; set; }

    /// <summary>Median of what a caller waited after the origin had ended the run, milliseconds.</summary>
    public double? WaitAfterRunMsP50 { get; set; }

    /// <summary>99th percentile of the same.</summary>
    public double? WaitAfterRunMsP99 { get; set; }

    /// <summary>The longest time from a kill to the answer of a caller who waited elsewhere, the generator's own time included.</summary>
    public double? TakeoverMs { get; set; }

    /// <summary>The longest time from a healing until all nodes showed the newest of every key, and went on to.</summary>
    public double? StaleAfterHealMs { get; set; }

    /// <summary>
    /// How long at least one node, or the lab, got no time from the machine, in all. What is judged by time is given more by what of that
    /// fell into it on the nodes concerned.
    /// </summary>
    public double? StarvedMs { get; set; }

    /// <summary>Commands that Redis did in a second, those within scripts not counted.</summary>
    public double? RedisCommandsPerSecond { get; set; }

    /// <summary>Of what was random.</summary>
    public int? Seed { get; set; }

    /// <summary>Figures that only this scenario has.</summary>
    public IDictionary<string, object> Details { get; } = new SortedDictionary<string, object>(StringComparer.Ordinal);

    /// <summary>Figures that are worse than the project's goals; no promise is broken by that.</summary>
    public IList<string> GoalsMissed { get; } = [];

    /// <summary>Promises that were broken, by their number, and how. At most 20 are told of each.</summary>
    public IList<string> Violations { get; } = [];

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, s_json);
}
