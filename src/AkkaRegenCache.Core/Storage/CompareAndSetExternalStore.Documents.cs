using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Storage;

/// <summary>How an operation reads a document, decides, and writes it back.</summary>
public sealed partial class CompareAndSetExternalStore
{
    /// <summary>The number of immediate tries. Later ones follow a pause, so that concurrent writers get out of each other's way.</summary>
    private const int AtOnce = 2;

    private const int FirstPauseMilliseconds = 4;
    private const int LongestPauseMilliseconds = 200;

    /// <summary>
    /// How much longer than their content documents are kept: databases round expiry times, and the times in the document count.
    /// </summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A document that is further in the future than this was written by a wrong clock. The next write gives it the right time.
    /// </summary>
    private static readonly long s_ahead = TimeSpan.FromSeconds(1).Ticks;

    private int _foreignSeen;
    private int _newerSeen;

    /// <summary>A key's document, read.</summary>
    /// <param name="Machine">Holds this key only.</param>
    /// <param name="Version">The version; null: there is none.</param>
    /// <param name="Now">The store's time when it was read.</param>
    /// <param name="Length">The document's length.</param>
    /// <param name="IsAhead">Whether it was written later than now.</param>
    private sealed record Opened(StoreMachine Machine, string? Version, long Now, int Length, bool IsAhead)
    {
        /// <summary>What a write would store. Remembered answers are only ever added, so their number is enough.</summary>
        public (HandoffSlot? Slot, int Operations) State =>
            (Machine.ExportSlots(Now).SingleOrDefault(), Machine.ExportOperations(Now).Count());
    }

    private ValueTask<T> RunAsync<T>(
        string key, Func<StoreMachine, long, T> operation, int valueLength, CancellationToken cancellationToken)
        where T : StoreAnswer => RunAsync(key, operation, valueLength, cancellationToken, cancellationToken);

    /// <summary>Reads, decides and writes, until no other write has come between the read and the write.</summary>
    /// <param name="key">The key.</param>
    /// <param name="operation">The decision, made on the machine at the given time.</param>
    /// <param name="valueLength">The number of bytes of the new value.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="whileSetting">Ends the wait for a write.</param>
    private async ValueTask<T> RunAsync<T>(
        string key,
        Func<StoreMachine, long, T> operation,
        int valueLength,
        CancellationToken cancellationToken,
        CancellationToken whileSetting)
        where T : StoreAnswer
    {
        using var held = await _locks.EnterAsync(key, cancellationToken).ConfigureAwait(false);
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            var opened = await OpenAsync(key, cancellationToken).ConfigureAwait(false);
            var before = opened.State;
            var answer = operation(opened.Machine, opened.Now);
            var after = opened.State;
            if (after == before && !opened.IsAhead)
                return answer;

            var content = KeyDocument.Write(key, opened.Machine, opened.Now, opened.Length + valueLength);
            var until = Math.Max(opened.Machine.NeededUntil(key), after.Operations == 0 ? 0 : opened.Now + s_operationsKept.Ticks);
            var lifetime = TimeSpan.FromTicks(Math.Max(0, until - opened.Now)) + s_margin;
            if (await SetAsync(DocumentNames.OfKey(_path, key), content, opened.Version, lifetime, whileSetting).ConfigureAwait(false))
                return answer;
            await PauseAsync(attempt, cancellationToken).ConfigureAwait(false);
        }

        throw Outrun(key);
    }

    private async ValueTask<Opened> OpenAsync(string key, CancellationToken cancellationToken)
    {
        // In parallel; mostly the epoch was read recently and is not read again.
        var epoch = EpochAsync(s_epochAge, cancellationToken).AsTask();
        var found = GetAsync(DocumentNames.OfKey(_path, key), cancellationToken).AsTask();
        await Task.WhenAll(epoch, found).ConfigureAwait(false);
        return Open(key, await found.ConfigureAwait(false), await epoch.ConfigureAwait(false));
    }

    /// <exception cref="StoreRefusedException">A newer version wrote it.</exception>
    private Opened Open(string key, in StoredDocument found, string epoch)
    {
        var now = TimeOf(found);
        var machine = new StoreMachine(epoch, s_operationsKept, storesObjects: false);
        switch (KeyDocument.Read(found, key, machine, now, out var writtenAt))
        {
            case DocumentKind.Newer:
                if (Interlocked.Exchange(ref _newerSeen, 1) == 0)
                    LogNewer(DocumentNames.OfKey(_path, key));
                throw new StoreRefusedException($"The document of '{key}' was written by a newer version.");
            case DocumentKind.Foreign:
                if (Interlocked.Exchange(ref _foreignSeen, 1) == 0)
                    LogForeign(DocumentNames.OfKey(_path, key));
                machine = new StoreMachine(epoch, s_operationsKept, storesObjects: false);
                writtenAt = 0;
                break;
        }

        return new Opened(machine, found.Version, now, found.Content.Length, writtenAt > now + s_ahead);
    }

    private async ValueTask CheckAsync(List<string> keys, Memory<TokenCheck> checks, CancellationToken cancellationToken)
    {
        var names = keys.ConvertAll(key => DocumentNames.OfKey(_path, key));
        var call = Limited(ending => _documents.GetManyAsync(names, ending).AsTask(), names[0], cancellationToken);
        var found = await call.ConfigureAwait(false);
        if (found.Count != keys.Count)
            throw new InvalidOperationException($"{keys.Count} documents were asked for, and {found.Count} came.");
        var epoch = await EpochAsync(s_epochAge, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < keys.Count; i++)
        {
            try
            {
                var opened = Open(keys[i], found[i], epoch);
                checks.Span[i] = opened.Machine.Check([keys[i]], opened.Now).Checks[0];
            }
            catch (StoreRefusedException)
            {
                checks.Span[i] = TokenCheck.Unknown;
            }
        }
    }

    private ValueTask<StoredDocument> GetAsync(string name, CancellationToken cancellationToken) =>
        Limited(ending => _documents.GetAsync(name, ending).AsTask(), name, cancellationToken);

    private ValueTask<bool> SetAsync(
        string name, ReadOnlyMemory<byte> content, string? expected, TimeSpan lifetime, CancellationToken cancellationToken) =>
        Limited(ending => _documents.TrySetAsync(name, content, expected, lifetime, ending).AsTask(), name, cancellationToken);

    private ValueTask<T> Limited<T>(Func<CancellationToken, Task<T>> call, string name, CancellationToken cancellationToken) =>
        LimitedCall.RunAsync(
            call, _time, _callTimeout, () => $"The store didn't answer within {_callTimeout} on '{name}'.", cancellationToken);

    private long TimeOf(in StoredDocument found) => (found.Time ?? _time.GetUtcNow()).UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;

    private Task PauseAsync(int attempt, CancellationToken cancellationToken)
    {
        if (attempt <= AtOnce || attempt == Attempts)
            return Task.CompletedTask;
        var longest = Math.Min(LongestPauseMilliseconds, FirstPauseMilliseconds << (attempt - AtOnce));
        return Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(1, longest)), _time, cancellationToken);
    }

    private static InvalidOperationException Outrun(string key) =>
        new($"Others have changed the document of '{key}' {Attempts} times between its read and its write; nothing was done.");

    [LoggerMessage(50, LogLevel.Warning,
        "The document '{Name}' is no cache's; it counts as none and is overwritten. Further ones are not reported.")]
    private partial void LogForeign(string name);

    [LoggerMessage(51, LogLevel.Warning,
        "The document '{Name}' was written by a newer version; until all nodes have that version this one makes such values for itself. "
        + "Further ones are not reported.")]
    private partial void LogNewer(string name);
}
