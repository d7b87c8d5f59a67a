using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// A generated value carries its token. One that was set can't: the token is given out when the value is already written; here it is found by the
/// set's result, or by what the store accepted.
/// </summary>
internal sealed class TokensOfSets
{
    private readonly Dictionary<(string Key, long Number), long> _tokens = [];
    private readonly Dictionary<(string Key, long Number), long> _takenAt = [];

    public TokensOfSets(LabLog log)
    {
        foreach (var change in log.Changes)
        {
            if (change is { IsDone: true, Number: > 0, Token: > 0 })
                _tokens[(change.Key, change.Number)] = change.Token;
        }

        foreach (var record in log.Accepted ?? [])
        {
            if (record.Number > 0)
            {
                _tokens[(record.Key, record.Number)] = record.Token;
                _takenAt[(record.Key, record.Number)] = record.At;
            }
        }
    }

    /// <summary>
    /// Whether the value had its token at a time. A set that waited for the store was shown without one, and got it when the store took it.
    /// </summary>
    public bool HadToken(LabValue value, long at) =>
        !value.IsSet || !_takenAt.TryGetValue((value.Key, value.Number), out var taken) || taken <= at;

    /// <summary>The value's token; 0: it has none, or none that is known.</summary>
    public long Of(LabValue value) => value.Token != 0 ? value.Token : _tokens.GetValueOrDefault((value.Key, value.Number));
}
