using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>The operations on many keys.</summary>
public sealed partial class RedisStore
{
    /// <summary>The most keys of one script call, because Redis does nothing else meanwhile.</summary>
    private const int KeysPerCall = 200;

    /// <inheritdoc/>
    public async ValueTask<RenewAnswer> RenewAsync(
        IReadOnlyList<HeldClaim> claims, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claims);
        var outcomes = new RenewOutcome[claims.Count];
        Array.Fill(outcomes, RenewOutcome.Unknown);
        var micros = RedisAnswers.Micros(lease);
        var epoch = await BatchAsync(
            _calls.Scripts.Renew,
            claims.Count,
            i => [_names.Of(claims[i].Key).State],
            (from, count) => [micros, .. Enumerable.Range(from, count).Select(i => (RedisValue)claims[i].Token)],
            (i, part) => outcomes[i] = RedisAnswers.Text(part) == "1" ? RenewOutcome.Held : RenewOutcome.Lost,
            cancellationToken).ConfigureAwait(false);
        return new RenewAnswer { Epoch = epoch, Outcomes = outcomes };
    }

    /// <inheritdoc/>
    public async ValueTask<TouchAnswer> TouchAsync(IReadOnlyList<KeyActivity> activities, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(activities);
        var epoch = await BatchAsync(
            _calls.Scripts.Touch,
            activities.Count,
            i => StateAndValue(activities[i].Key),
            (from, count) => [.. Enumerable.Range(from, count).Select(i => RedisAnswers.Micros(activities[i].ActiveFor))],
            null,
            cancellationToken).ConfigureAwait(false);
        return new TouchAnswer { Epoch = epoch };
    }

    /// <inheritdoc/>
    public async ValueTask<CheckAnswer> CheckAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var checks = new TokenCheck[keys.Count];
        Array.Fill(checks, TokenCheck.Unknown);
        var epoch = await BatchAsync(
            _calls.Scripts.Check,
            keys.Count,
            i => StateAndValue(keys[i]),
            (_, count) => [count],
            (i, part) => checks[i] = RedisAnswers.Check(part),
            cancellationToken).ConfigureAwait(false);
        return new CheckAnswer { Epoch = epoch, Checks = checks };
    }

    private RedisKey[] StateAndValue(string key)
    {
        var names = _names.Of(key);
        return [names.State, names.Value];
    }

    private async ValueTask<string> BatchAsync(
        RedisScript script,
        int count,
        Func<int, RedisKey[]> keysOf,
        Func<int, int, RedisValue[]> valuesOf,
        Action<int, RedisResult>? take,
        CancellationToken cancellationToken)
    {
        if (count == 0)
            return await _calls.EpochAsync(cancellationToken).ConfigureAwait(false);

        var perCall = await _calls.IsClusterAsync(cancellationToken).ConfigureAwait(false) ? 1 : KeysPerCall;
        var calls = new List<Task<(RedisResult[] Reply, string Epoch)>>();
        for (var from = 0; from < count; from += perCall)
        {
            var number = Math.Min(perCall, count - from);
            var keys = new List<RedisKey>(2 * number);
            for (var i = from; i < from + number; i++)
                keys.AddRange(keysOf(i));
            calls.Add(_calls.CallAsync(script, $"a batch of {number}", [.. keys], valuesOf(from, number), cancellationToken).AsTask());
        }

        // On a Redis Cluster each key has its server. If one does not answer, the answers of the others count. If none does, the first
        // error counts for all.
        await Task.WhenAll(calls).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default).ConfigureAwait(false);
        for (var i = 0; i < count && take is not null; i++)
        {
            if (calls[i / perCall].IsCompletedSuccessfully)
                take(i, calls[i / perCall].Result.Reply[2 + (i % perCall)]);
        }

        // If a new epoch began between two calls, the next answer will say so.
        var answered = calls.Find(static call => call.IsCompletedSuccessfully) ?? calls[0];
        return (await answered.ConfigureAwait(false)).Epoch;
    }
}
