using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>The failures of this node's own runs with their exceptions, kept for as long as the store may answer with them.</summary>
internal sealed class OwnFailures(Kernel kernel) : Component(kernel)
{
    /// <summary>The most failures that are remembered with their exceptions.</summary>
    private const int MostOwnFailures = 1000;

    /// <summary>Failures of this node's own runs, and until when the store may answer with them.</summary>
    private readonly Dictionary<string, (GenerationFailure Failure, long Until)> _ownFailures = new(StringComparer.Ordinal);

    /// <summary>During the backoff the store answers with a failure's type and message. This node also has the exception.</summary>
    public void NoteOwn(string key, GenerationFailure failure, long backoff)
    {
        if (backoff <= 0 || failure.Exception is null)
            return;
        if (_ownFailures.Count >= MostOwnFailures)
        {
            foreach (var (past, _) in _ownFailures.Where(f => f.Value.Until <= Now).ToArray())
                _ownFailures.Remove(past);
            if (_ownFailures.Count >= MostOwnFailures)
                _ownFailures.Clear();
        }

        _ownFailures[key] = (failure, Now + backoff);
    }

    public GenerationFailure? OwnOf(string key, GenerationFailure? told) =>
        _ownFailures.TryGetValue(key, out var own) && own.Until > Now && told is not null
            && (own.Failure.Type, own.Failure.Message) == (told.Type, told.Message)
            ? own.Failure
            : told;
}
