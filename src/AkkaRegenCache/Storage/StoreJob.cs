using System.Diagnostics.CodeAnalysis;
using Akka.Actor;

namespace AkkaRegenCache.Storage;

/// <summary>
/// A call of a store through the <see cref="Actors.StoreActor"/>. Its caller's continuation never runs on the actor's thread. Thread-safe.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A source of tokens without a timer holds nothing that must be given back.")]
internal sealed class StoreJob : INoSerializationVerificationNeeded
{
    private readonly TaskCompletionSource<StoreAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<CancellationToken, Task<StoreAnswer>> _run;
    private readonly CancellationTokenSource _abandon = new();
    private List<StoreJob>? _followers;
    private int _interested = 1;

    /// <summary>Creates a call.</summary>
    /// <param name="run">Calls the store.</param>
    /// <param name="readKey">The key of a read; null: it is not a read.</param>
    /// <param name="isUrgent">Whether it must not wait behind reads.</param>
    public StoreJob(Func<CancellationToken, Task<StoreAnswer>> run, string? readKey = null, bool isUrgent = false)
    {
        _run = run;
        ReadKey = readKey;
        IsUrgent = isUrgent;
    }

    public string? ReadKey { get; }

    public bool IsUrgent { get; }

    /// <summary>Whether its caller has stopped waiting.</summary>
    public bool IsAbandoned => _abandon.IsCancellationRequested;

    /// <summary>The call's outcome.</summary>
    public Task<StoreAnswer> Answer => _answer.Task;

    /// <summary>Ends the caller's wait with the token; a call without callers is given up.</summary>
    public async Task<StoreAnswer> WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await Answer.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            OnCallerGone();
            throw;
        }
    }

    /// <summary>Shares this call's outcome with another call for the same read, unless it runs already.</summary>
    /// <returns>Whether it is shared; false: this call was given up.</returns>
    public bool TryLead(StoreJob follower)
    {
        lock (_abandon)
        {
            if (_interested == 0)
                return false;
            _interested++;
            (_followers ??= []).Add(follower);
            follower.Leader = this;
            return true;
        }
    }

    /// <summary>Calls the store. An exception that it throws at once is in the task.</summary>
    public async Task<StoreAnswer> RunAsync() => await _run(_abandon.Token).ConfigureAwait(false);

    public void Complete(StoreAnswer answer)
    {
        _answer.TrySetResult(answer);
        _followers?.ForEach(follower => follower.Complete(answer));
    }

    public void Fail(Exception exception)
    {
        _answer.TrySetException(exception);

        // Observed, because its caller may have left.
        _ = _answer.Task.Exception;
        _followers?.ForEach(follower => follower.Fail(exception));
    }

    private StoreJob? Leader { get; set; }

    private void OnCallerGone()
    {
        var leader = Leader ?? this;
        lock (leader._abandon)
        {
            if (--leader._interested > 0)
                return;
        }

        leader._abandon.Cancel();
    }
}

/// <summary>A call has ended.</summary>
/// <param name="Job">The call.</param>
/// <param name="Answer">The store's answer; null: it failed.</param>
/// <param name="Failure">Why it failed.</param>
internal sealed record StoreJobDone(StoreJob Job, StoreAnswer? Answer, Exception? Failure) : INoSerializationVerificationNeeded;
