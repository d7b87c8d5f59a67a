using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>A waiting caller and its answer. Continuations never run on the thread that answers.</summary>
internal abstract class Call(string key, WaiterKind kind, EntryProfile profile, GeneratorSource? source)
    : Waiter(key, kind, profile, source)
{
    private CancellationTokenRegistration _registration;

    /// <summary>Answers it.</summary>
    public abstract void Complete(Answered answer, NodeShell shell);

    /// <summary>Answers it with a value, if that is of its type.</summary>
    public abstract bool TryCompleteWith(object? value);

    /// <summary>Answers it with the value in a payload, which may have to be deserialized.</summary>
    /// <param name="payload">The payload.</param>
    /// <param name="token">Its token.</param>
    /// <param name="shell">The node.</param>
    public abstract void CompleteWith(CachePayload payload, long token, NodeShell shell);

    /// <summary>Ends the wait with an error, unless it has been answered.</summary>
    public abstract void FailWith(Exception exception);

    /// <summary>Whether it has been answered or its caller has left.</summary>
    public abstract bool IsAnswered { get; }

    /// <summary>Whether an error can be delivered now: not while the caller's thread runs other work.</summary>
    public virtual bool CanFail => !IsAnswered;

    protected abstract bool TryCancel(CancellationToken cancellationToken);

    /// <summary>Observes the caller's cancellation. Called once, before the call is posted.</summary>
    public void Watch(NodeShell shell, CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
            return;
        _registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                var (call, shell) = ((Call, NodeShell))state!;
                if (call.TryCancel(token))
                    shell.Post(Peer.Callers, new CallerLeft(call));
            },
            (this, shell));
    }

    protected void StopWatching() => _registration.Unregister();
}

/// <summary>A waiting caller with an answer of one type.</summary>
internal abstract class Call<TResult>(string key, WaiterKind kind, EntryProfile profile, GeneratorSource? source)
    : Call(key, kind, profile, source)
{
    private readonly TaskCompletionSource<TResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<TResult> Task => _completion.Task;

    public override void Complete(Answered answer, NodeShell shell)
    {
        switch (answer.Kind)
        {
            case AnswerKind.InMemory:
                shell.CompleteFromMemory(this);
                break;
            case AnswerKind.Missing:
                Missing();
                break;
            case AnswerKind.Changed:
                Changed(new ChangeResult(answer.Accepted, answer.Token) { IsPending = answer.IsPending });
                break;
            default:
                Fail(ErrorOf(answer));
                break;
        }
    }

    protected void Succeed(TResult result)
    {
        StopWatching();
        _completion.TrySetResult(result);
        OnSettled();
    }

    protected void Fail(Exception exception)
    {
        StopWatching();
        _completion.TrySetException(exception);
        OnSettled();
    }

    public override void FailWith(Exception exception) => Fail(exception);

    public override bool IsAnswered => _completion.Task.IsCompleted;

    /// <summary>It has been answered, on any thread.</summary>
    protected virtual void OnSettled()
    {
    }

    protected override bool TryCancel(CancellationToken cancellationToken) => _completion.TrySetCanceled(cancellationToken);

    protected virtual void Missing() => throw new InvalidOperationException($"A {Kind} of '{Key}' is never answered with nothing.");

    protected virtual void Changed(ChangeResult result) => throw new InvalidOperationException($"A {Kind} of '{Key}' changes nothing.");

    public override bool TryCompleteWith(object? value) => throw new InvalidOperationException($"A {Kind} of '{Key}' has no value.");

    public override void CompleteWith(CachePayload payload, long token, NodeShell shell) => TryCompleteWith(null);

    private Exception ErrorOf(Answered answer) => answer.Kind switch
    {
        AnswerKind.Failed or AnswerKind.DeadlinePassed when answer.Failure is { Exception: { } here } => here,
        AnswerKind.Failed or AnswerKind.DeadlinePassed when answer.Failure is { } failure =>
            new RemoteGenerationException(Key, failure.Type, failure.Message),
        AnswerKind.TimedOut => new TimeoutException(
            $"The value of '{Key}' was not there within {TimeSpan.FromTicks(Profile.HardTimeout)}; its generation goes on."),
        AnswerKind.StoreFailed => new RegenStoreException($"The external store did not take the {Kind} of '{Key}'.", answer.Error),
        AnswerKind.NoGenerator => new InvalidOperationException(
            $"This node knows no generator for '{Key}': call GetOrCreateAsync first, give RefreshAsync one, or register its keyspace."),
        AnswerKind.Overloaded => new RegenOverloadException(Key),
        AnswerKind.Left => new ObjectDisposedException(nameof(IRegenCache), $"The cache was disposed while '{Key}' was waited for."),
        _ => new InvalidOperationException($"Unexpected answer {answer.Kind} for '{Key}'."),
    };
}

/// <summary>Waits for a value that must exist.</summary>
internal class ValueCall<T>(string key, WaiterKind kind, EntryProfile profile, GeneratorSource? source)
    : Call<T>(key, kind, profile, source)
{
    /// <summary>
    /// How many unreadable values are replaced for one call. More appear only if nodes keep overwriting each other's values.
    /// </summary>
    private const int MostUnreadable = 3;

    private int _unreadable;

    public override bool TryCompleteWith(object? value)
    {
        if (!ValueCodec.TryCast<T>(value, out var typed))
            return false;
        Succeed(typed);
        return true;
    }

    public override void CompleteWith(CachePayload payload, long token, NodeShell shell)
    {
        if (shell.Codec.TryDecode<T>(Key, payload, out var value, out var error))
            Succeed(value);
        else if (!shell.ReplacesUnreadable<T>(Key, error) || ++_unreadable > MostUnreadable)
            Fail(error);
        else
            AskForNewer(token, shell);
    }

    private void AskForNewer(long token, NodeShell shell)
    {
        AskForNewer(token);
        shell.Post(Peer.Callers, this);
    }
}

/// <summary>Waits for a value that may not exist.</summary>
internal sealed class PeekCall<T>(string key, EntryProfile profile) : Call<CacheResult<T>>(key, WaiterKind.Peek, profile, null)
{
    public override bool TryCompleteWith(object? value)
    {
        if (!ValueCodec.TryCast<T>(value, out var typed))
            return false;
        Succeed(new(true, typed));
        return true;
    }

    public override void CompleteWith(CachePayload payload, long token, NodeShell shell)
    {
        if (shell.Codec.TryDecode<T>(Key, payload, out var value, out var error))
            Succeed(new(true, value));
        else if (shell.ReplacesUnreadable<T>(Key, error))
            Missing();
        else
            Fail(error);
    }

    protected override void Missing() => Succeed(default);
}

/// <summary>Waits for a set or a removal.</summary>
internal sealed class ChangeCall(string key, WaiterKind kind, EntryProfile profile) : Call<ChangeResult>(key, kind, profile, null)
{
    protected override void Changed(ChangeResult result) => Succeed(result);
}
